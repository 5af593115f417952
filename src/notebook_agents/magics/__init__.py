"""``%agent`` in IPython: parses options, calls the core, shows the run in the cell."""
