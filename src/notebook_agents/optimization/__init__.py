"""Answers the ports Workflow and WorkloadTables: what a workload costs and what would be better."""
