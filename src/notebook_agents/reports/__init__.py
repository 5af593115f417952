"""notebook-agents: the reports room."""
