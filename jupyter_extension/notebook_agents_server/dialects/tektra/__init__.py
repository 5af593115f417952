"""The Tektra dialect: agents, conversations, tools, models and system figures under ``/v1``."""
