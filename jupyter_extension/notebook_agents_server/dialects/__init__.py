"""The wire APIs: thin translations between five documents and one core."""

NAMES = ("tektra", "aimos", "netra", "agent_c", "agent_api")
"""What they are called in settings, which are read without importing them."""
