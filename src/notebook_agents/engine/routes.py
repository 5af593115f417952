"""The worker's HTTP routes: the Engine port, one route per method.

The same handlers serve the unix socket, which the file system guards, and TCP, which a bearer
token guards. A client that closes its connection cancels its generation.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Protocol, runtime_checkable

from pydantic import TypeAdapter, ValidationError
from tornado.iostream import StreamClosedError
from tornado.web import Application, RequestHandler

from notebook_agents.core import engine_wire
from notebook_agents.core.errors import (
    InvalidRequest,
    NotAuthenticated,
    NotebookAgentsError,
    NotFound,
    Unsupported,
)
from notebook_agents.core.models import CountingEngine, GenerateRequest, find_model
from notebook_agents.core.ports import Engine
from notebook_agents.core.spawn import RunStopped, StopSignal
from notebook_agents.engine import wire

_log = logging.getLogger(__name__)


class EngineHandler(RequestHandler):
    """Token check, bodies and errors."""

    def initialize(self, engine: Engine, token: str) -> None:
        """Take what the application was made with."""
        self.engine = engine
        self.token = token

    def prepare(self) -> None:
        """Refuse a caller without the token, where there is one, and paths nobody serves."""
        given = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.token and not hmac.compare_digest(given.encode(), self.token.encode()):
            raise NotAuthenticated("the engine needs its bearer token")
        if type(self) is EngineHandler:
            raise NotFound("route", self.request.path)

    def read(self, adapter: TypeAdapter[Any]) -> Any:
        """The body as a core value."""
        try:
            return adapter.validate_json(self.request.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(step) for step in first["loc"])
            raise InvalidRequest(f"{field}: {first['msg']}", field=field) from None

    def reply(self, adapter: TypeAdapter[Any], value: Any) -> None:
        """Answer with a core value."""
        self.set_header("Content-Type", "application/json")
        self.finish(adapter.dump_json(value))

    def fail(self, error: NotebookAgentsError) -> None:
        """Answer with an error, in the way that is still possible."""
        if self._headers_written:
            self.finish(wire.error_line(error))
            return
        self.set_status(wire.status_of(error))
        self.finish(wire.error_to_wire(error))

    def log_exception(self, _type: Any, value: Any, _traceback: Any) -> None:
        """Log once, without the request: it holds prompts."""
        if not isinstance(value, NotebookAgentsError):
            _log.error("%s %s failed", self.request.method, self.request.path, exc_info=value)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Core errors keep their code; everything else is an internal error."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, NotebookAgentsError):
            self.fail(error)
        else:
            self.set_status(status_code)
            self.finish({"code": "internal_error", "message": "internal error", "details": {}})


class GenerateHandler(EngineHandler):
    """``POST /generate``."""

    def initialize(self, engine: Engine, token: str) -> None:
        """Also prepare for a client that goes away."""
        super().initialize(engine, token)
        self._gone = StopSignal()

    def on_connection_close(self) -> None:
        """The client has gone: end the generation."""
        self._gone.stop(RunStopped())

    async def post(self) -> None:
        """Stream the chunks of one generation, one JSON object per line."""
        request = self.read(engine_wire.REQUEST)
        try:
            async with self._gone:
                await self._stream(request)
        except (RunStopped, StreamClosedError):
            return
        except NotebookAgentsError as error:
            self.fail(error)

    async def _stream(self, request: GenerateRequest) -> None:
        async with aclosing(self.engine.generate(request)) as chunks:
            async for chunk in chunks:
                self.set_header("Content-Type", engine_wire.NDJSON)
                self.write(engine_wire.chunk_line(chunk))
                await self.flush()


class ModelsHandler(EngineHandler):
    """``GET /models``."""

    async def get(self) -> None:
        """Every model that could be asked for."""
        self.reply(engine_wire.MODELS, tuple(await self.engine.models()))


class ModelHandler(EngineHandler):
    """``POST /model``; an id may be a folder and does not fit into a path."""

    async def post(self) -> None:
        """One model that could be asked for."""
        body: engine_wire.ModelRequest = self.read(engine_wire.MODEL_REQUEST)
        self.reply(engine_wire.MODEL, await find_model(self.engine, body.model))


class LoadHandler(EngineHandler):
    """``POST /load``."""

    async def post(self) -> None:
        """Bring a model into memory."""
        body: engine_wire.ModelRequest = self.read(engine_wire.MODEL_REQUEST)
        self.reply(engine_wire.MODEL, await self.engine.load(body.model))


class UnloadHandler(EngineHandler):
    """``POST /unload``."""

    async def post(self) -> None:
        """Give a model's memory back."""
        body: engine_wire.ModelRequest = self.read(engine_wire.MODEL_REQUEST)
        await self.engine.unload(body.model)
        self.set_status(204)


@runtime_checkable
class EmbeddingEngine(Protocol):
    """An engine that makes vectors too."""

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector for each text."""
        ...


class EmbedHandler(EngineHandler):
    """``POST /embed``."""

    async def post(self) -> None:
        """Answer with a vector for each text."""
        body: engine_wire.EmbedRequest = self.read(engine_wire.EMBED_REQUEST)
        if not isinstance(self.engine, EmbeddingEngine):
            raise Unsupported("this engine makes no vectors")
        self.reply(engine_wire.VECTORS, await self.engine.embed(body.texts))


class CountHandler(EngineHandler):
    """``POST /count``."""

    async def post(self) -> None:
        """The tokens of a prompt, or null; takes what ``/generate`` takes."""
        request = self.read(engine_wire.REQUEST)
        count = None
        if isinstance(self.engine, CountingEngine):
            count = await self.engine.count_tokens(request)
        self.reply(engine_wire.COUNT, count)


class HealthHandler(EngineHandler):
    """``GET /health``."""

    async def get(self) -> None:
        """Whether it can answer now."""
        self.reply(engine_wire.HEALTH, await self.engine.health())


class StatsHandler(EngineHandler):
    """``GET /stats``."""

    async def get(self) -> None:
        """Counters, for people and scrapers."""
        health = await self.engine.health()
        self.finish({"n_running": health.n_running, "n_waiting": health.n_waiting, **health.stats})


def make_application(engine: Engine, token: str = "") -> Application:
    """The routes over an engine; with a token only its holders are served."""
    options = {"engine": engine, "token": token}
    return Application(
        [
            ("/generate", GenerateHandler, options),
            ("/models", ModelsHandler, options),
            ("/model", ModelHandler, options),
            ("/load", LoadHandler, options),
            ("/unload", UnloadHandler, options),
            ("/embed", EmbedHandler, options),
            ("/count", CountHandler, options),
            ("/health", HealthHandler, options),
            ("/stats", StatsHandler, options),
        ],
        default_handler_class=EngineHandler,
        default_handler_args=options,
        log_function=_log_nothing,
    )


def _log_nothing(_handler: RequestHandler) -> None:
    """Requests are not logged: the serving side knows and counts them."""
