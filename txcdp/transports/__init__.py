"""The two lines to a browser, :mod:`txcdp.transports.websocket` and :mod:`txcdp.transports.pipe`."""
