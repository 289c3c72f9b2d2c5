"""A client's WebSocket, the checks of its commands, and the connection to its browser."""
