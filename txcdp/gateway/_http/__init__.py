"""The gateway's HTTP: its routes, who may use them, and their responses."""
