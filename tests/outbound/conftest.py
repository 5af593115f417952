"""Senders of letters, through which the guard is tried as its users meet it."""

from tests.webhooks.conftest import make_sender

__all__ = ["make_sender"]
