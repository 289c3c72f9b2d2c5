"""A client's WebSocket, its commands judged, and the line to its browser."""
