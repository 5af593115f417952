"""The dashboard as a page of the server, for people who are logged in to Jupyter."""
