"""The Netra dialect: optimization runs, threads, health and one socket."""
