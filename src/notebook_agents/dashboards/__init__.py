"""notebook-agents: the dashboards room."""
