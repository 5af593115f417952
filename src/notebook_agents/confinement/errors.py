"""The one failure of this room."""


class Unprotected(Exception):
    """This machine cannot enforce it; the message says what is missing."""
