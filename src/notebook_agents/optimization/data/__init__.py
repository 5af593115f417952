"""The example workload and the shipped price catalogue."""
