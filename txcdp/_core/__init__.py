"""The conversation with a browser: sessions, dispatch, connection, outages; what is public of it is in ``txcdp``."""
