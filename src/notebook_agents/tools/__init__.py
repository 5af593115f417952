"""notebook-agents: the tools room."""
