"""notebook-agents: the room of the Model Context Protocol, the client's side."""
