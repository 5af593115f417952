"""The AIMOS dialect: agents, executions and the state of the system under ``/api``."""
