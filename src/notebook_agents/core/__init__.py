"""notebook-agents: the core room."""
