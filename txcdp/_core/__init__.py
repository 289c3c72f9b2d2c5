"""The connection to a browser: sessions, dispatching, reconnecting; its public parts are in ``txcdp``."""
