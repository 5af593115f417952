"""notebook-agents: the engine room."""
