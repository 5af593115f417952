"""notebook-agents: the analytics room."""
