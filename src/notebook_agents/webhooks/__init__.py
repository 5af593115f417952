"""notebook-agents: the webhooks room."""
