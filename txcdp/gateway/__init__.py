"""One door to several browsers, for any client of the protocol."""
