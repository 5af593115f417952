"""AI agents for Jupyter."""
