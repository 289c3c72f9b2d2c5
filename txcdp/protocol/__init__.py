"""Sans-I/O: records, commands and events as values, and messages as bytes."""
