"""The two lines to a browser: a WebSocket (:mod:`txcdp.transports.websocket`) and a pipe (:mod:`txcdp.transports.pipe`)."""
