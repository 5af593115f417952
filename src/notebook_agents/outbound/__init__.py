"""notebook-agents: the room that judges every way out of the server."""
