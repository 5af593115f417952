"""Models: what can generate, what it needs, and one request to generate.

The engine answers a GenerateRequest with a stream of chunks that ends with exactly one
GenerateFinished. Closing the stream cancels the generation.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Protocol,
    TypeAlias,
    TypeVar,
    runtime_checkable,
)

from pydantic import Field

from notebook_agents.core.errors import InvalidRequest, NotFound
from notebook_agents.core.messages import AttachmentPart, Message, ToolCallPart

if TYPE_CHECKING:
    from notebook_agents.core.ports import Engine

CHARS_PER_TOKEN = 4
"""Of English text, as tokenizers go."""
BUNDLED_MODEL = "notebook-agents/tiny"
"""The model in the box."""
BUNDLED_TOOLS = (
    "python_executor", "database_query", "file_reader", "list_files", "inspect_variable"
)  # fmt: skip
"""The tools that the model in the box was trained on; it is told of no others."""

Known = TypeVar("Known", int, float)
ModelStatus: TypeAlias = Literal["available", "loaded", "loading", "not_downloaded", "failed"]
FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A loadable checkpoint and its limits."""

    id: str
    name: str
    description: str = ""
    capabilities: tuple[str, ...] = ("text",)
    """Of ``text``, ``tools``, ``vision``, ``reasoning``."""
    n_parameters: int | None = None
    context_length: int | None = None
    """Tokens of prompt and answer together."""
    memory_bytes: int | None = None
    """What the weights need once loaded."""
    status: ModelStatus = "available"
    is_bundled: bool = False
    accepts_user_tools: bool = True
    """False for a model that only knows the built-in tools it was trained on."""
    provider: str = ""
    """Who is paid for its answers, such as ``openai``; empty where it runs on machines of the
    deployment."""
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are chosen. ``temperature`` 0 is greedy; None leaves the model's own default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts and cost; ``cost_usd`` is None where no price is known, never 0."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    cached_tokens: int | None = None
    """Those of the input that came out of a cache; None where the engine does not tell."""
    reasoning_tokens: int | None = None
    """Those of the output that were thoughts; None where the engine does not tell."""
    price_version: str = ""
    """Which list of prices the cost comes from, where one was counted."""
    gpu_s: float | None = None
    """Its share of the time of the engine's GPU; None where there is none, or others have it."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=_sum(self.cost_usd, other.cost_usd),
            cached_tokens=_sum(self.cached_tokens, other.cached_tokens),
            reasoning_tokens=_sum(self.reasoning_tokens, other.reasoning_tokens),
            price_version=other.price_version or self.price_version,
            gpu_s=_sum(self.gpu_s, other.gpu_s),
        )


def _sum(one: Known | None, other: Known | None) -> Known | None:
    """Of what is known; None where neither is."""
    return one if other is None else other if one is None else one + other


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSchema:
    """What a model is told about a tool."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON schema (2020-12) of an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """One model step."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    sampling: Sampling = Sampling()
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateText:
    """Text that came since the last chunk; never cuts a character."""

    text: str
    n_tokens: int = 1
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateToolCall:
    """A whole tool call as the model wrote it."""

    call: ToolCallPart
    type: Literal["tool_call"] = "tool_call"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateFinished:
    """The end of a generation, always the last chunk."""

    finish_reason: FinishReason
    usage: Usage = Usage()
    n_dropped: int = 0
    """Messages at the beginning of the conversation that did not fit the model."""
    queue_ms: float = 0.0
    """Waiting for the engine."""
    ttft_ms: float = 0.0
    """From the start of the work to the first token."""
    decode_ms: float = 0.0
    """From the first token to the last."""
    type: Literal["finished"] = "finished"


GenerateChunk: TypeAlias = Annotated[
    GenerateText | GenerateToolCall | GenerateFinished, Field(discriminator="type")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCount:
    """How long a prompt is for its model."""

    n_tokens: int
    is_exact: bool = True
    """False for a guess."""
    n_dropped: int = 0
    """Messages at the beginning that do not fit; they are not among the tokens."""


@runtime_checkable
class CountingEngine(Protocol):
    """An engine that can say how long a prompt is."""

    async def count_tokens(self, request: GenerateRequest) -> TokenCount | None:
        """The tokens of the prompt; None when the model is not loaded. Loads nothing.

        Raises InvalidRequest when the prompt does not fit the model.
        """
        ...


@runtime_checkable
class DescribingEngine(Protocol):
    """An engine that knows of a model without listing all of them, which may take a network."""

    async def model(self, id: str) -> ModelInfo:
        """One model; NotFound when there is none of that id."""
        ...


async def find_model(engine: Engine, id: str) -> ModelInfo:
    """One model of an engine; NotFound when it has none of that id."""
    if isinstance(engine, DescribingEngine):
        return await engine.model(id)
    for model in await engine.models():
        if model.id == id:
            return model
    raise NotFound("model", id)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHealth:
    """Whether the engine can answer now, and what it holds."""

    is_ready: bool
    device: str = "cpu"
    loaded_models: tuple[str, ...] = ()
    n_running: int = 0
    n_waiting: int = 0
    memory_bytes: int | None = None
    pid: int | None = None
    detail: str = ""
    """One line for a person: why it is not ready."""
    starts_on_demand: bool = False
    """Not ready only because nobody has needed it yet."""
    stats: dict[str, Any] = field(default_factory=dict)


class Models:
    """Which models there are, and their life in memory."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list(self) -> tuple[ModelInfo, ...]:
        """Every model that could be asked for."""
        return tuple(await self._engine.models())

    async def get(self, id: str) -> ModelInfo:
        """One model; NotFound when it cannot be asked for."""
        return await find_model(self._engine, id)

    async def check(self, id: str) -> None:
        """Raise InvalidRequest on the field ``model`` when the model cannot be asked for."""
        try:
            await self.get(id)
        except NotFound:
            names = [model.id for model in await self.list()]
            close = difflib.get_close_matches(id, names, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names)}"
            raise InvalidRequest(
                f"there is no model {id!r}{hint}", field="model", reason="Model not found"
            ) from None

    async def load(self, id: str) -> ModelInfo:
        """Bring a model into memory; EngineUnavailable says why it cannot be."""
        await self.get(id)
        return await self._engine.load(id)

    async def unload(self, id: str) -> None:
        """Give its memory back."""
        await self.get(id)
        await self._engine.unload(id)

    async def count_tokens(self, request: GenerateRequest) -> TokenCount:
        """How long a prompt is; a guess where the engine cannot count."""
        engine = self._engine
        counted = await engine.count_tokens(request) if isinstance(engine, CountingEngine) else None
        return counted or TokenCount(n_tokens=_guessed_tokens(request), is_exact=False)

    async def health(self) -> EngineHealth:
        """Whether the engine can answer now."""
        return await self._engine.health()


def _guessed_tokens(request: GenerateRequest) -> int:
    said = [*(message.text for message in request.messages)]
    said += [part.content for m in request.messages for part in m.tool_results]
    said += [json.dumps(call.arguments) for m in request.messages for call in m.tool_calls]
    said += [f"{t.name} {t.description} {json.dumps(t.parameters)}" for t in request.tools]
    said += [
        part.content
        for message in request.messages
        for part in message.parts
        if isinstance(part, AttachmentPart) and part.kind in {"text", "code"}
    ]
    return -(-sum(map(len, said)) // CHARS_PER_TOKEN)
