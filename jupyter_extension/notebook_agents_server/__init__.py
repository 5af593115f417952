"""notebook-agents: the server side."""
