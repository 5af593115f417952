"""Answers the Engine port for one provider, through pydantic-ai's model classes.

Nothing is loaded and nothing is listed before somebody asks. A model that the provider does not
list may be asked for all the same: the provider knows best, and says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    UserError,
)
from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.messages import ToolCallPart as TheirCall

from notebook_agents.core.call_texts import json_once
from notebook_agents.core.errors import (
    EngineUnavailable,
    InvalidRequest,
    LimitExceeded,
    NotebookAgentsError,
    NotFound,
)
from notebook_agents.core.messages import ToolCallPart
from notebook_agents.core.models import (
    EngineHealth,
    FinishReason,
    GenerateChunk,
    GenerateFinished,
    GenerateRequest,
    GenerateText,
    GenerateToolCall,
    ModelInfo,
    Usage,
)
from notebook_agents.providers.messages import messages_for, parameters_for, settings_for

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import Model, StreamedResponse

    from notebook_agents.providers.config import ProviderConfig

LIST_TIMEOUT_S = 5.0
TIMEOUT = httpx2.Timeout(600.0, connect=10.0)
"""In seconds; a model may think for minutes before its first word."""
LIST_AGE_S = 600.0
"""How long a list of models is believed."""
RETRY_AGE_S = 30.0
"""How long a provider that gave no list is left alone."""
ANTHROPIC_VERSION = "2023-06-01"
_FINISH: dict[str, FinishReason] = {"length": "length", "tool_call": "tool_calls"}


class ProviderEngine:
    """The models of one provider."""

    def __init__(self, config: ProviderConfig) -> None:
        self.config = config
        self._listed: tuple[ModelInfo, ...] = ()
        self._list_until = 0.0
        self._made: dict[str, Model[Any]] = {}
        self._lock: asyncio.Lock | None = None
        self._client: httpx2.AsyncClient | None = None

    async def models(self) -> Sequence[ModelInfo]:
        """What the provider lists; nothing when it cannot be reached."""
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            if time.monotonic() >= self._list_until:
                try:
                    self._listed = await self._list()
                    self._list_until = time.monotonic() + LIST_AGE_S
                except (httpx2.HTTPError, ValueError, KeyError, TypeError):
                    self._list_until = time.monotonic() + RETRY_AGE_S
        return self._listed

    async def model(self, id: str) -> ModelInfo:
        """One model, listed or not."""
        listed = next((model for model in self._listed if model.id == id), None)
        return listed or replace(self._info(self._name(id)), id=id)

    async def load(self, model: str) -> ModelInfo:
        """Nothing to load."""
        return await self.model(model)

    async def unload(self, model: str) -> None:
        """Nothing to unload."""

    async def health(self) -> EngineHealth:
        """Always ready as far as one knows."""
        return EngineHealth(is_ready=True, device="remote")

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        """Stream the answer; closing the generator closes the connection."""
        model = await self._model(self._name(request.model))
        settings = settings_for(request.sampling)
        settings["max_retries"] = self.config.n_retries
        started, first_at = time.monotonic(), 0.0
        async with (
            _translated(self.config, request.model),
            model.request_stream(
                messages_for(request.messages),
                settings,
                parameters_for(request.tools),
            ) as stream,
        ):
            async with aclosing(_texts(stream)) as texts:
                async for text in texts:
                    first_at = first_at or time.monotonic()
                    yield GenerateText(text=text)
            response = stream.get()
        for call in _calls(response):
            yield GenerateToolCall(call=call)
        ended = time.monotonic()
        yield _finished(response, started, first_at or ended, ended)

    async def aclose(self) -> None:
        """Close the connections to the provider."""
        self._made.clear()
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _model(self, name: str) -> Model[Any]:
        if name not in self._made:
            # The first one imports a library of the provider's and reads certificates.
            client = await self._open_client()
            self._made[name] = await asyncio.to_thread(_make, self.config, name, client)
        return self._made[name]

    async def _open_client(self) -> httpx2.AsyncClient:
        if self._client is None:
            made = await asyncio.to_thread(httpx2.AsyncClient, timeout=TIMEOUT)
            if self._client is None:
                self._client = made
            else:
                await made.aclose()
        return self._client

    def _name(self, id: str) -> str:
        return id.removeprefix(f"{self.config.name}/")

    def _info(self, name: str, **known: Any) -> ModelInfo:
        return ModelInfo(
            id=f"{self.config.name}/{name}",
            name=name,
            capabilities=("text", "tools", "vision"),
            provider=self.config.name,
            **known,
        )

    async def _list(self) -> tuple[ModelInfo, ...]:
        config = self.config
        headers = {"Authorization": f"Bearer {config.key}"} if config.key else {}
        path = "/models"
        if config.kind == "anthropic":
            headers["anthropic-version"] = ANTHROPIC_VERSION
            path = "/v1/models"
        client = await self._open_client()
        answer = await client.get(config.url + path, headers=headers, timeout=LIST_TIMEOUT_S)
        answer.raise_for_status()
        names = [str(entry["id"]).removeprefix("models/") for entry in answer.json()["data"]]
        return tuple(self._info(name) for name in sorted(names))


def _make(config: ProviderConfig, name: str, client: httpx2.AsyncClient) -> Model[Any]:
    if config.kind == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        provider = AnthropicProvider(
            api_key=config.key or "none", base_url=config.url, http_client=client
        )
        return AnthropicModel(name, provider=provider)
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    # The client insists on a key, endpoints of one's own often do not.
    open_provider = OpenAIProvider(
        base_url=config.url, api_key=config.key or "none", http_client=client
    )
    return OpenAIChatModel(name, provider=open_provider)


async def _texts(stream: StreamedResponse) -> AsyncGenerator[str, None]:
    async for event in stream:
        match event:
            case PartStartEvent(part=TextPart(content=text)) if text:
                yield text
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)) if text:
                yield text


def _calls(response: ModelResponse) -> list[ToolCallPart]:
    return [_call(part) for part in response.parts if isinstance(part, TheirCall)]


def _call(part: TheirCall) -> ToolCallPart:
    arguments, invalid = dict[str, Any](), ""
    try:
        given = json_once(part.args) if isinstance(part.args, str) and part.args else part.args
        arguments = dict(given or {})
    except (ValueError, TypeError, RecursionError):
        invalid = "the arguments are not a JSON object"
    return ToolCallPart(
        call_id=part.tool_call_id, name=part.tool_name, arguments=arguments, invalid=invalid
    )


def _finished(
    response: ModelResponse, started: float, first_at: float, ended: float
) -> GenerateFinished:
    usage = response.usage
    return GenerateFinished(
        finish_reason=_FINISH.get(response.finish_reason or "", "stop"),
        usage=Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            # 0 may also be that a provider does not tell.
            cached_tokens=usage.cache_read_tokens or None,
            reasoning_tokens=usage.output_reasoning_tokens or None,
        ),
        ttft_ms=(first_at - started) * 1000,
        decode_ms=(ended - first_at) * 1000,
    )


@asynccontextmanager
async def _translated(config: ProviderConfig, model: str) -> AsyncGenerator[None, None]:
    """Errors of the provider as ours; its key is in none of them."""
    try:
        yield
    except (ModelAPIError, UserError, httpx2.HTTPError) as error:
        raise _error(error, config, model) from None


def _error(error: Exception, config: ProviderConfig, model: str) -> NotebookAgentsError:
    name, said = config.name, _said(error, config)
    match error:
        case ModelAuthenticationError():
            hint = f"check {config.key_name}" if config.key else f"set {config.key_name}"
            return EngineUnavailable(f"{name} refuses the key; {hint} where the engine runs")
        case ModelNotFoundError():
            return NotFound("model", model)
        case ModelContextWindowExceededError():
            return InvalidRequest(f"the prompt does not fit {model}: {said}", field="message")
        case ModelRateLimitError():
            return LimitExceeded(f"{name} asks to wait: {said}", limit="provider")
        case ModelRequestRejectedError():
            return InvalidRequest(f"{name} refuses the request: {said}")
        case ModelHTTPError():
            return EngineUnavailable(
                f"{name} answered {error.status_code}" + (said and f": {said}")
            )
    return EngineUnavailable(f"{name} cannot be reached at {config.url}: {said}")


def _said(error: Exception, config: ProviderConfig) -> str:
    told = _message(error.body) if isinstance(error, ModelHTTPError) else str(error)
    text = " ".join(told.split())[:300]
    return text.replace(config.key, "[key]") if config.key else text


def _message(body: object) -> str:
    """What a provider says in the body of an error; their forms differ."""
    while isinstance(body, Mapping):
        body = body.get("error") or body.get("message") or body.get("detail") or ""
    return str(body or "")
