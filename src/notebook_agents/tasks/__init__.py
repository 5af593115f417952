"""Runs tasks: notebooks in processes of their own, when somebody asks or when it is time."""
