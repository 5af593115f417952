"""The inference worker's HTTP API behind this server's doors, for the kernels of its notebooks.

The same paths, bodies and lines as the worker itself, so that one client speaks to both: ``POST
/generate`` streams one chunk per line, an error before the first chunk is a status, a later one is
the last line. Only kernels of this server and administrators come through: a direct generation
leaves no trace in the event log.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from pydantic import TypeAdapter

from notebook_agents.core.engine_wire import (
    COUNT,
    HEALTH,
    MODEL,
    MODEL_REQUEST,
    MODELS,
    NDJSON,
    REQUEST,
    chunk_line,
    error_line,
)
from notebook_agents.core.errors import NotPermitted
from notebook_agents.core.models import CountingEngine, GenerateRequest
from notebook_agents_server.base import BaseHandler, Route
from notebook_agents_server.identity import KERNEL_CREDENTIAL
from notebook_agents_server.operations import operation


class EngineHandler(BaseHandler):
    """Kernels and administrators only."""

    accepts_kernels = True

    async def enter(self, credential: str) -> None:
        """Refuse people who should go through an agent."""
        await super().enter(credential)
        if self.actor.credential == KERNEL_CREDENTIAL:
            return
        if self.actor.has_admin_account:
            self.actor.require_scope("admin")
        if not self.actor.is_admin:
            raise NotPermitted("only kernels of this server and administrators use the engine")

    def reply_value(self, adapter: TypeAdapter[Any], value: Any) -> None:
        """Answer with a core value."""
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(adapter.dump_json(value))


class Generate(EngineHandler):
    """``POST /generate``."""

    @operation(body=REQUEST, content_type=NDJSON, errors=(404,))
    async def post(self) -> None:
        """Stream the chunks of one generation; a client that goes away cancels it."""
        request = self.parse_value(REQUEST)
        await self.stream(self._lines(request), content_type=NDJSON, last_words=error_line)

    async def _lines(self, request: GenerateRequest) -> AsyncGenerator[bytes, None]:
        async with aclosing(self.core.engine.generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk_line(chunk)


class Count(EngineHandler):
    """``POST /count``."""

    @operation(body=REQUEST, answer=COUNT, errors=(404,))
    async def post(self) -> None:
        """The tokens of a prompt, or null where its model is not loaded; nothing is generated."""
        request = self.parse_value(REQUEST)
        engine = self.core.engine
        count = await engine.count_tokens(request) if isinstance(engine, CountingEngine) else None
        self.reply_value(COUNT, count)


class Models(EngineHandler):
    """``GET /models``."""

    @operation(answer=MODELS)
    async def get(self) -> None:
        """Every model that could be asked for."""
        self.reply_value(MODELS, await self.core.models.list())


class Model(EngineHandler):
    """``POST /model``; an id may be a folder and does not fit into a path."""

    @operation(body=MODEL_REQUEST, answer=MODEL, errors=(404,))
    async def post(self) -> None:
        """One model that could be asked for, listed or not."""
        body = self.parse_value(MODEL_REQUEST)
        self.reply_value(MODEL, await self.core.models.get(body.model))


class Load(EngineHandler):
    """``POST /load``."""

    @operation(body=MODEL_REQUEST, answer=MODEL, errors=(404,))
    async def post(self) -> None:
        """Bring a model into memory."""
        body = self.parse_value(MODEL_REQUEST)
        self.reply_value(MODEL, await self.core.engine.load(body.model))


class Unload(EngineHandler):
    """``POST /unload``."""

    @operation(body=MODEL_REQUEST, status=204, errors=(404,))
    async def post(self) -> None:
        """Give a model's memory back."""
        body = self.parse_value(MODEL_REQUEST)
        await self.core.engine.unload(body.model)
        self.set_status(204)


class Health(EngineHandler):
    """``GET /health``."""

    @operation(answer=HEALTH)
    async def get(self) -> None:
        """Whether it can answer now."""
        self.reply_value(HEALTH, await self.core.engine.health())


ROUTES: list[Route] = [
    (r"/generate", Generate),
    (r"/count", Count),
    (r"/models", Models),
    (r"/model", Model),
    (r"/load", Load),
    (r"/unload", Unload),
    (r"/health", Health),
]
