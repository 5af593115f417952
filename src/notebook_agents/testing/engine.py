"""An engine whose answers are written down beforehand."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import Any

from notebook_agents.core.errors import NotFound
from notebook_agents.core.messages import ToolCallPart
from notebook_agents.core.models import (
    BUNDLED_MODEL,
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

Step = str | ToolCallPart | Sequence[ToolCallPart] | BaseException | Callable[..., Any]


def call(name: str, /, call_id: str = "", **arguments: Any) -> ToolCallPart:
    """A tool call for a script."""
    return ToolCallPart(
        call_id=call_id or f"call_{next(_call_numbers)}", name=name, arguments=arguments
    )


_call_numbers = itertools.count(1)


class ScriptedEngine:
    """An engine whose answers are written down beforehand, one step per model request.

    A step is a text (streamed word by word), one or more tool calls, an exception to raise, or an
    async function that takes the request and returns any of these (for waiting on a gate). When
    the script is used up the engine echoes the last user message.
    """

    def __init__(self, *script: Step, models: Sequence[str] = ("other/model",)) -> None:
        self.script: list[Step] = list(script)
        self.requests: list[GenerateRequest] = []
        self.n_closed = 0
        """Generations that were cancelled before their end."""
        self.gate: asyncio.Event | None = None
        """When set by a test, every chunk after the first waits for it."""
        infos = [
            ModelInfo(
                id=BUNDLED_MODEL,
                name="tiny",
                capabilities=("text", "tools"),
                n_parameters=985_344,
                memory_bytes=4 << 20,
                is_bundled=True,
                accepts_user_tools=False,
            )
        ]
        infos += [
            ModelInfo(id=id, name=id, capabilities=("text", "tools"), provider=_provider(id))
            for id in models
        ]
        self._models = {info.id: info for info in infos}

    async def models(self) -> Sequence[ModelInfo]:
        """The bundled model's name and the given ones."""
        return tuple(self._models.values())

    async def load(self, model: str) -> ModelInfo:
        """Mark as loaded; NotFound for one that is not there."""
        self._models[model] = replace(self._known(model), status="loaded")
        return self._models[model]

    async def unload(self, model: str) -> None:
        """Mark as not loaded; NotFound for one that is not there."""
        self._models[model] = replace(self._known(model), status="available")

    def _known(self, model: str) -> ModelInfo:
        if model not in self._models:
            raise NotFound("model", model)
        return self._models[model]

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        """Play the next step of the script."""
        self.requests.append(request)
        step: Any = self.script.pop(0) if self.script else f"You said: {_last_user_text(request)}"
        is_done = False
        try:
            if callable(step) and not isinstance(step, BaseException):
                step = step(request)
                step = await step if inspect.isawaitable(step) else step
            if isinstance(step, BaseException):
                raise step
            n_tokens = 0
            for chunk in _chunks(step):
                if n_tokens and self.gate is not None:
                    await self.gate.wait()
                n_tokens += 1
                yield chunk
            is_done = True
            n_input = sum(len(message.text.split()) for message in request.messages)
            reason: FinishReason = "stop" if isinstance(step, str) else "tool_calls"
            yield GenerateFinished(
                finish_reason=reason,
                usage=Usage(input_tokens=n_input, output_tokens=n_tokens),
                ttft_ms=1.0,
                decode_ms=float(n_tokens),
            )
        finally:
            self.n_closed += not is_done

    async def health(self) -> EngineHealth:
        """Always ready."""
        return EngineHealth(is_ready=True, detail="scripted", loaded_models=(BUNDLED_MODEL,))

    async def aclose(self) -> None:
        """Nothing to stop."""


def _provider(id: str) -> str:
    """Models whose name begins like those of OpenAI pass for them."""
    return "openai" if id.startswith("gpt-") else ""


def _last_user_text(request: GenerateRequest) -> str:
    return next((m.text for m in reversed(request.messages) if m.role == "user"), "")


def _chunks(step: str | ToolCallPart | Sequence[ToolCallPart]) -> list[GenerateChunk]:
    if isinstance(step, str):
        words = step.split(" ")
        texts = [word if i == 0 else f" {word}" for i, word in enumerate(words)]
        return [GenerateText(text=text) for text in texts if text]
    calls = [step] if isinstance(step, ToolCallPart) else step
    return [GenerateToolCall(call=part) for part in calls]
