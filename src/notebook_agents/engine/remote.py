"""The Engine port's client: models that live in another process.

Without a URL the worker is started on first use and watched (`launcher`); with one, an engine that
runs already is used, over TCP with a token or over a unix socket. Either way it is HTTP, one
connection per request, and closing the connection is how a generation is cancelled. One event loop
uses one RemoteEngine. torch is never imported here.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore2  # noqa: F401 - httpx2 imports it with its first client, on the event loop
import httpx2
from pydantic import ValidationError
from pydantic_core import from_json

from notebook_agents.core import engine_wire
from notebook_agents.core.errors import (
    EngineUnavailable,
    NotebookAgentsError,
    NotFound,
)
from notebook_agents.core.models import (
    EngineHealth,
    GenerateChunk,
    GenerateFinished,
    GenerateRequest,
    ModelInfo,
    TokenCount,
)
from notebook_agents.engine import wire
from notebook_agents.engine.catalogue import Catalogue
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.launcher import WorkerProcess
from notebook_agents.engine.trust import trust_for

CONNECT_TIMEOUT_S = 10.0
HEALTH_TIMEOUT_S = 5.0

_log = logging.getLogger(__name__)


class RemoteEngine:
    """Answers the Engine port through HTTP."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._worker = None if config.url else WorkerProcess(config)
        self._client: httpx2.AsyncClient | None = None

    @property
    def socket(self) -> Path | None:
        """The unix socket of the worker that is started here; None when a URL is used."""
        return None if self._worker is None else self._worker.folder.socket

    async def models(self) -> Sequence[ModelInfo]:
        """The worker's list, or before there is a worker the same list from files."""
        if self._worker is not None and not self._worker.is_ready:
            return await asyncio.to_thread(_catalogue, self._config.models)
        return engine_wire.MODELS.validate_json(await self._fetch("GET", "models"))

    async def model(self, id: str) -> ModelInfo:
        """One model, also one that a provider behind a server has without listing it."""
        if self._worker is None and (described := await self._described(id)):
            return described
        for model in await self.models():
            if model.id == id:
                return model
        raise NotFound("model", id)

    async def load(self, model: str) -> ModelInfo:
        """Bring a model into memory, downloading it if it has to be and can be."""
        if self._worker is not None:
            self._worker.confirm()
        return engine_wire.MODEL.validate_json(await self._fetch("POST", "load", model=model))

    async def unload(self, model: str) -> None:
        """Give a model's memory back."""
        if self._worker is None or self._worker.is_ready:
            await self._fetch("POST", "unload", model=model)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        """Stream chunks; closing the generator closes the connection, which cancels."""
        async with (
            self._reachable() as client,
            client.stream(
                "POST", "generate", content=engine_wire.REQUEST.dump_json(request)
            ) as response,
        ):
            if response.status_code != httpx2.codes.OK:
                raise _refusal(response.status_code, await response.aread())
            async for line in _lines(response):
                chunk = wire.chunk_from_line(line)
                if isinstance(chunk, GenerateFinished) and self._worker is not None:
                    self._worker.confirm()
                yield chunk
                if isinstance(chunk, GenerateFinished):
                    return
            raise httpx2.RemoteProtocolError("the answer stopped in the middle")

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector of length 1 for each text, at most 64 at once."""
        request = engine_wire.EmbedRequest(texts=tuple(texts))
        content = engine_wire.EMBED_REQUEST.dump_json(request)
        async with self._reachable() as client:
            response = await client.post("embed", content=content)
        if not response.is_success:
            raise _refusal(response.status_code, response.content)
        if self._worker is not None:
            self._worker.confirm()
        return engine_wire.VECTORS.validate_json(response.content)

    async def count_tokens(self, request: GenerateRequest) -> TokenCount | None:
        """The tokens of a prompt; None when the model is not loaded, or the engine cannot count."""
        if self._worker is not None and not self._worker.is_ready:
            return None
        content = engine_wire.REQUEST.dump_json(request)
        async with self._reachable() as client:
            response = await client.post("count", content=content)
        if response.status_code in (httpx2.codes.NOT_FOUND, httpx2.codes.METHOD_NOT_ALLOWED):
            return None  # An engine of another version.
        if not response.is_success:
            raise _refusal(response.status_code, response.content)
        return engine_wire.COUNT.validate_json(response.content)

    async def health(self) -> EngineHealth:
        """Whether it can answer now; starts nothing and never raises."""
        if self._worker is not None and not self._worker.is_ready:
            worker = self._worker
            return EngineHealth(
                is_ready=False, detail=worker.state, starts_on_demand=worker.is_unused
            )
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                return engine_wire.HEALTH.validate_json(await self._fetch("GET", "health"))
        except NotebookAgentsError as error:
            return EngineHealth(is_ready=False, detail=error.message)
        except ValidationError:
            return EngineHealth(is_ready=False, detail="the engine's answer was not understood")
        except TimeoutError:
            return EngineHealth(is_ready=False, detail="no answer in time")

    async def aclose(self) -> None:
        """Close connections, and stop the worker if it was started here."""
        if self._client is not None:
            await self._client.aclose()
        if self._worker is not None:
            await self._worker.aclose()

    async def _fetch(self, method: str, path: str, **body: str) -> bytes:
        async with self._reachable() as client:
            response = await client.request(method, path, json=body or None)
        if not response.is_success:
            raise _refusal(response.status_code, response.content)
        return response.content

    async def _described(self, id: str) -> ModelInfo | None:
        """What the engine says of a model; None when it has no such door, as older ones."""
        async with self._reachable() as client:
            response = await client.post("model", json={"model": id})
        if response.is_success:
            return engine_wire.MODEL.validate_json(response.content)
        error = _refusal(response.status_code, response.content)
        if isinstance(error, NotFound) and error.kind == "model":
            raise error
        if response.status_code in (httpx2.codes.NOT_FOUND, httpx2.codes.METHOD_NOT_ALLOWED):
            return None
        raise error

    @asynccontextmanager
    async def _reachable(self) -> AsyncIterator[httpx2.AsyncClient]:
        """A client for an engine that runs; what goes wrong becomes EngineUnavailable."""
        if self._worker is not None:
            await self._worker.ready()
        if self._client is None:
            verify = await asyncio.to_thread(trust_for, self._config.url, self._config.certificate)
            self._client = self._client or self._make_client(verify)
        try:
            yield self._client
        except httpx2.TransportError as error:
            raise await self._lost(error) from error

    async def _lost(self, error: httpx2.TransportError) -> EngineUnavailable:
        if self._worker is None:
            _log.warning("no engine answers at %s", self._config.url, exc_info=error)
            return EngineUnavailable("no engine answers at the configured engine_url")
        await self._worker.ended(timeout_s=1.0)
        return await self._worker.failure("stopped answering")

    def _make_client(self, verify: ssl.SSLContext | bool) -> httpx2.AsyncClient:
        url, token = self._config.url, self._config.token
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
        # Connections are not kept: one left over from a worker that died would fail a request.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if url and not url.startswith("unix:"):
            return httpx2.AsyncClient(
                base_url=f"{url.rstrip('/')}/",
                headers=headers,
                verify=verify,
                timeout=timeout,
                limits=limits,
                trust_env=False,  # A proxy would see the token.
            )
        path = (
            url.removeprefix("unix:") if self._worker is None else str(self._worker.folder.socket)
        )
        transport = httpx2.AsyncHTTPTransport(uds=path, verify=False, limits=limits)
        return httpx2.AsyncClient(
            base_url="http://engine/",
            headers=headers,
            timeout=timeout,
            transport=transport,
            trust_env=False,
        )


async def _lines(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The lines of a stream. Only line feeds end one: text may hold any other separator."""
    rest = b""
    async for piece in response.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line


def _catalogue(models: tuple[str, ...]) -> tuple[ModelInfo, ...]:
    return tuple(entry.described() for entry in Catalogue(models))


def _refusal(status: int, body: bytes) -> NotebookAgentsError:
    """The error a response carries; a proxy in between may answer with something else."""
    try:
        value = from_json(body)
    except ValueError:
        value = None
    if isinstance(value, dict) and "code" in value:
        return wire.error_from_wire(value)
    return EngineUnavailable(f"the engine answered with HTTP status {status}")
