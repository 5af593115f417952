"""notebook-agents: the store room."""
