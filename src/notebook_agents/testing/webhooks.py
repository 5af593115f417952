"""A sender of letters that keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from notebook_agents.core.deliveries import Letter, Receipt


class Postbox:
    """Answers the WebhookSender port: keeps letters, and gives the receipts it is told to give."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.receipts: Callable[[Letter], Receipt] = lambda _letter: Receipt(status_code=200)

    async def check(self, url: str) -> str:
        """The host; every one is good."""
        return url.split("/")[2]

    def seal(self, secret: str) -> str:
        """Turn the text round. For tests only."""
        return f"sealed:{secret[::-1]}"

    def renew(self, sealed: str) -> str:
        """Replace the name of an old key."""
        return sealed.replace("old-key:", "sealed:")

    async def send(self, letter: Letter) -> Receipt:
        """Keep the letter."""
        self.letters.append(letter)
        return self.receipts(letter)

    async def aclose(self) -> None:
        """Nothing is open."""

    @property
    def told(self) -> list[str]:
        """The events of the letters, as they came."""
        return [letter.event for letter in self.letters]

    def data(self, event: str) -> dict[str, Any]:
        """What the only letter of that event said."""
        (found,) = (letter.data for letter in self.letters if letter.event == event)
        return found
