"""A price list of a few models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from notebook_agents.core.models import ModelInfo, Usage

MILLION = 1_000_000


class FixedPrices:
    """Prices in dollars for a million tokens of input and of output, by model."""

    def __init__(self, prices: Mapping[str, tuple[str, str]]) -> None:
        self._prices = prices

    @property
    def version(self) -> str:
        """Always the same."""
        return "fixed"

    async def price_usd(self, model: ModelInfo, usage: Usage, at: datetime) -> Decimal | None:
        """The price, of models that are in the list."""
        if model.id not in self._prices:
            return None
        of_input, of_output = (Decimal(price) for price in self._prices[model.id])
        return (of_input * usage.input_tokens + of_output * usage.output_tokens) / MILLION
