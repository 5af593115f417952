"""`GenaiPriceList`: answers the core's PriceList port with the tables of genai-prices.

The tables are a part of that package: nothing is fetched, and a newer release knows newer prices.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal

from notebook_agents.core.models import ModelInfo, Usage


class GenaiPriceList:
    """The prices that genai-prices knows."""

    @property
    def version(self) -> str:
        """Of the package, and so of its tables; asked for after a price, so that it is there."""
        import genai_prices

        return f"genai-prices {genai_prices.__version__}"

    async def price_usd(self, model: ModelInfo, usage: Usage, at: datetime) -> Decimal | None:
        """What a provider charges for these tokens at that time; None when it is not in a table."""
        # The tables are read on first use, which takes a quarter of a second.
        return await asyncio.get_running_loop().run_in_executor(
            None, _price_usd, model.provider, _name(model), usage, at
        )


def _name(model: ModelInfo) -> str:
    """The model as its provider calls it, whoever else is named in front."""
    return model.id.removeprefix(f"{model.provider}/").removeprefix(f"{model.provider}:")


def _price_usd(provider: str, model: str, usage: Usage, at: datetime) -> Decimal | None:
    import genai_prices

    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
    )
    try:
        found = genai_prices.calc_price(
            tokens, model, provider_id=provider, genai_request_timestamp=at
        )
    except LookupError:
        return None
    return found.total_price
