"""The bodies and lines an engine and its clients exchange: core values as JSON over HTTP.

The worker, its clients and the server that lends its engine to kernels all speak this.
``POST /generate`` takes a GenerateRequest and streams one GenerateChunk per line; an error after
the first chunk is the last line, with ``"type": "error"`` in front.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic_core import to_json

from notebook_agents.core.models import (
    EngineHealth,
    GenerateChunk,
    GenerateRequest,
    ModelInfo,
    TokenCount,
)

NDJSON = "application/x-ndjson"
"""Content type of a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """The body of ``POST /model``, ``POST /load`` and ``POST /unload``."""

    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRequest:
    """The body of ``POST /embed``, which answers one vector for each text."""

    texts: Annotated[tuple[Annotated[str, Field(max_length=20_000)], ...], Field(max_length=64)]


REQUEST: TypeAdapter[GenerateRequest] = TypeAdapter(GenerateRequest)
MODEL_REQUEST: TypeAdapter[ModelRequest] = TypeAdapter(ModelRequest)
CHUNK: TypeAdapter[GenerateChunk] = TypeAdapter(GenerateChunk)
MODEL: TypeAdapter[ModelInfo] = TypeAdapter(ModelInfo)
MODELS: TypeAdapter[tuple[ModelInfo, ...]] = TypeAdapter(tuple[ModelInfo, ...])
EMBED_REQUEST: TypeAdapter[EmbedRequest] = TypeAdapter(EmbedRequest)
VECTORS: TypeAdapter[tuple[tuple[float, ...], ...]] = TypeAdapter(tuple[tuple[float, ...], ...])
COUNT: TypeAdapter[TokenCount | None] = TypeAdapter(TokenCount | None)
HEALTH: TypeAdapter[EngineHealth] = TypeAdapter(EngineHealth)


def chunk_line(chunk: GenerateChunk) -> bytes:
    """One line of a stream."""
    return CHUNK.dump_json(chunk) + b"\n"


def error_line(body: Mapping[str, Any]) -> bytes:
    """The last line of a stream that failed, from ``{code, message, details}``."""
    return to_json({"type": "error", **body}) + b"\n"
