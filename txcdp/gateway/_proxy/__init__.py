"""A client's WebSocket, the checks on its commands, and the connection to its browser."""
