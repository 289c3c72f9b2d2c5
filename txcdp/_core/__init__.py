"""The conversation with a browser: sessions, dispatch, connection, outages; its public parts are in ``txcdp``."""
