"""Prices: what the answers of a model cost, where somebody is paid for them and a price is known.

What is not known is None and never 0. A model that runs on machines of the deployment has no price.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from notebook_agents.core.models import (
    CountingEngine,
    GenerateFinished,
    ModelInfo,
    Usage,
    find_model,
)

if TYPE_CHECKING:
    from notebook_agents.core.models import (
        EngineHealth,
        GenerateChunk,
        GenerateRequest,
        TokenCount,
    )
    from notebook_agents.core.ports import Clock, Engine

PLACES = Decimal("1e-12")
"""What is kept of a price in dollars: far below a single token's."""


class PriceList(Protocol):
    """Knows what providers charge."""

    @property
    def version(self) -> str:
        """What this list is called, so that figures tell by which one they were made."""
        ...

    async def price_usd(self, model: ModelInfo, usage: Usage, at: datetime) -> Decimal | None:
        """What the provider of a model charges for these tokens; None when that is not known."""
        ...


class Prices:
    """What is charged for the work of models."""

    def __init__(self, price_list: PriceList | None, clock: Clock) -> None:
        self._list = price_list
        self._clock = clock

    async def priced(self, model: ModelInfo, usage: Usage) -> Usage:
        """The same usage with its cost, where it has none yet and a price is known."""
        if self._list is None or not model.provider or usage.cost_usd is not None:
            return usage
        price = await self._list.price_usd(model, usage, self._clock.now())
        if price is None:
            return usage
        return replace(
            usage, cost_usd=float(price.quantize(PLACES)), price_version=self._list.version
        )

    def metered(self, engine: Engine) -> Engine:
        """The same engine, whose answers say what they cost."""
        return engine if self._list is None else MeteredEngine(engine, self)


class MeteredEngine:
    """An engine whose answers say what they cost."""

    def __init__(self, engine: Engine, prices: Prices) -> None:
        self._engine = engine
        self._prices = prices
        self._known: dict[str, ModelInfo] = {}

    async def models(self) -> Sequence[ModelInfo]:
        """Every model that could be asked for."""
        found = await self._engine.models()
        self._known = {model.id: model for model in found}
        return found

    async def model(self, id: str) -> ModelInfo:
        """One model; NotFound when it cannot be asked for."""
        self._known[id] = await find_model(self._engine, id)
        return self._known[id]

    async def count_tokens(self, request: GenerateRequest) -> TokenCount | None:
        """The tokens of a prompt, where the engine can count them."""
        engine = self._engine
        return await engine.count_tokens(request) if isinstance(engine, CountingEngine) else None

    async def load(self, model: str) -> ModelInfo:
        """Bring a model into memory."""
        return await self._engine.load(model)

    async def unload(self, model: str) -> None:
        """Give its memory back."""
        await self._engine.unload(model)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        """Stream chunks; the last one has the cost in its usage."""
        async with aclosing(self._engine.generate(request)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, GenerateFinished):
                    usage = await self._priced(request.model, chunk.usage)
                    yield replace(chunk, usage=usage)
                else:
                    yield chunk

    async def _priced(self, id: str, usage: Usage) -> Usage:
        model = self._known.get(id) or await self.model(id)
        return await self._prices.priced(model, usage)

    async def health(self) -> EngineHealth:
        """Whether it can answer now."""
        return await self._engine.health()

    async def aclose(self) -> None:
        """Stop what this process started."""
        await self._engine.aclose()
