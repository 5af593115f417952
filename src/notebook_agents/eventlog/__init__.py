"""notebook-agents: the eventlog room."""
