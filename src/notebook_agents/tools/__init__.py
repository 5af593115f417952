"""The tools of the product and the door through which all tools come.

`define_tool` makes a tool from a typed function, an entry point of the group
``notebook_agents.tools`` announces it, `Registry` finds and runs it.
"""
