"""notebook-agents: the magics room."""
