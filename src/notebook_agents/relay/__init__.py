"""notebook-agents: the relay room."""
