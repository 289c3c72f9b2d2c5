"""The two transports to a browser: :mod:`txcdp._transports.websocket` and :mod:`txcdp._transports.pipe`."""
