"""One engine over several: the models on this machine, and those of providers by their prefix."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from notebook_agents.core.models import CountingEngine, find_model

if TYPE_CHECKING:
    from notebook_agents.core.models import (
        EngineHealth,
        GenerateChunk,
        GenerateRequest,
        ModelInfo,
        TokenCount,
    )
    from notebook_agents.core.ports import Engine


VENDORS = (
    ("gpt-", "openai"), ("o1", "openai"), ("o3", "openai"), ("o4", "openai"),
    ("claude-", "anthropic"), ("gemini-", "google"),
)  # fmt: skip
"""How well-known models are called where nobody says whose they are, and who serves them."""


class RoutedEngine:
    """Answers the Engine port; ``openai/gpt-5`` and ``gpt-5`` go to the engine called ``openai``.

    ``local_ids`` are of this machine whatever they begin with.
    """

    def __init__(
        self, local: Engine, providers: Mapping[str, Engine], local_ids: Collection[str] = ()
    ) -> None:
        self._local = local
        self._providers = dict(providers)
        self._local_ids = frozenset(local_ids)

    async def models(self) -> Sequence[ModelInfo]:
        """Every model: those of this machine first."""
        engines = (self._local, *self._providers.values())
        listed = await asyncio.gather(*(engine.models() for engine in engines))
        return tuple(model for models in listed for model in models)

    async def model(self, id: str) -> ModelInfo:
        """One model; NotFound when it cannot be asked for."""
        return await find_model(self._of(id), id)

    async def load(self, model: str) -> ModelInfo:
        """Bring a model into memory."""
        return await self._of(model).load(model)

    async def unload(self, model: str) -> None:
        """Give its memory back."""
        await self._of(model).unload(model)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        """Stream chunks, ending with one GenerateFinished."""
        async with aclosing(self._of(request.model).generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def count_tokens(self, request: GenerateRequest) -> TokenCount | None:
        """The tokens of a prompt, where they can be counted."""
        engine = self._of(request.model)
        return await engine.count_tokens(request) if isinstance(engine, CountingEngine) else None

    async def health(self) -> EngineHealth:
        """That of the engine on this machine."""
        return await self._local.health()

    async def aclose(self) -> None:
        """Stop what this process started."""
        await asyncio.gather(*(e.aclose() for e in (self._local, *self._providers.values())))

    def _of(self, id: str) -> Engine:
        if id in self._local_ids:
            return self._local
        vendor = next((name for start, name in VENDORS if id.startswith(start)), "")
        return self._providers.get(vendor or id.partition("/")[0], self._local)
