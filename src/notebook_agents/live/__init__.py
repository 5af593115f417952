"""The notebook's own namespace: what is in it, what would change it, and how to take that back."""
