"""notebook-agents: the sandbox room."""
