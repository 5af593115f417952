"""How a cell fails: one line with the cause and the next step, never a traceback.

IPython asks an exception for its own traceback through ``_render_traceback_``; these answer with
one line. The cell still fails, so "Run all", papermill and nbclient stop there. Pressing Stop is
not an error a program should catch by accident, hence its two classes: one that an awaiting cell
may raise without upsetting the event loop, one for a cell that blocks.
"""

from __future__ import annotations

import asyncio
import re
import traceback
from difflib import get_close_matches

from notebook_agents.core.errors import NotebookAgentsError, NotFound

OFFER = "NOTEBOOK_AGENTS_MODELS"
"""The variable that names further models of a kernel without a server."""
STOPPED = "stopped; what was written so far is kept"


class AgentError(Exception):
    """A request to the magic that cannot be served; the text names cause and next step."""

    is_told = False
    """Whether the line is on the screen already (a terminal's stderr)."""
    is_debug = False
    """Whether the person asked for the whole traceback."""

    @property
    def line(self) -> str:
        """What the person reads."""
        return f"AgentError: {self}"

    def _render_traceback_(self) -> list[str]:
        if self.is_debug:
            return "".join(traceback.format_exception(self)).splitlines()
        return [] if self.is_told else [self.line]


class Stopped(KeyboardInterrupt):
    """The person interrupted a blocking cell."""

    def _render_traceback_(self) -> list[str]:
        return [f"Stopped: {self}"]


class StoppedAwaiting(asyncio.CancelledError):
    """The person interrupted an awaiting cell; to the event loop a cancellation like any other."""

    def _render_traceback_(self) -> list[str]:
        return [f"Stopped: {self}"]


NEXT_STEPS: dict[str, str] = {
    "engine_unavailable": "see: %agent status",
    "sandbox_unavailable": "see: %agent status",
    "limit_exceeded": "ask for less at once, or start afresh with: %agent reset",
    "conflict": "start a new conversation with: %agent reset",
    "not_permitted": "allow it with --ask or --yes",
}
"""The next step for an error code where its own message names none."""


STEPS_BY_CAUSE: dict[str, str] = {
    "raise max_steps": "allow more with --max-steps N, or ask for less at once",
    "raise max_tokens": "allow more with --max-tokens N, or ask for less at once",
    "time limit": "ask for less at once, or start afresh with: %agent reset",
    "out of GPU memory": "choose a smaller model: %agent list",
    "engine_url": "start the server again, or see: %agent status",
    "hf download": "then ask again",
    "installation": "see: %agent list",
    "there is no tool": "see: %agent tools",
}
"""The next step for causes that have one of their own, by words in them."""


STEPS_BY_KIND: dict[str, str] = {
    "agent": "see: notebook_agents.agents",
    "conversation": "see: %agent history --all",
    "execution": "see: %agent task executions NAME",
    "run": "see: %agent sql SELECT run_id, started FROM v_runs ORDER BY started DESC",
    "task": "see: %agent task list",
    "tool": "see: %agent tools",
}
"""The next step where something of that kind is not there."""


MODEL_SERVICES = frozenset({
    "anthropic", "azure", "bedrock", "cohere", "deepseek", "gemini", "google", "groq",
    "hosted_vllm", "huggingface", "litellm", "lm_studio", "mistral", "ollama", "openai",
    "openrouter", "together", "together_ai", "vllm", "xai",
})  # fmt: skip
"""What stands in front of the names of models that others serve."""


def offer_model(name: str) -> str:
    """How a model could be had that is not offered here, whatever its name."""
    service, slash, _ = name.partition("/")
    if slash and service in MODEL_SERVICES:
        return f"no {service} is set up here, by its key or a setting; see what is: %agent list"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        return f"to offer it: hf download {name}, and {OFFER}={name} before the kernel starts"
    return "see: %agent list"


def agent_error(error: NotebookAgentsError, *, model: str = "") -> AgentError:
    """The core's error as the cell's one line; ``model`` is the one that was asked."""
    cause = error.message
    if error.details.get("field") == "model" and model:
        is_guessed = "did you mean" in cause
        return AgentError(one_line(cause, "see: %agent list" if is_guessed else offer_model(model)))
    otherwise = STEPS_BY_KIND.get(error.kind, "") if isinstance(error, NotFound) else ""
    return AgentError(one_line(cause, next_step(error.code, cause, otherwise)))


def run_error(code: str, cause: str) -> AgentError:
    """Why a run has no answer, as the cell's one line."""
    return AgentError(one_line(cause, next_step(code, cause)))


def next_step(code: str, cause: str, otherwise: str = "see: %agent status") -> str:
    """What helps where the cause does not say so itself."""
    for words, step in STEPS_BY_CAUSE.items():
        if words in cause:
            return step
    return NEXT_STEPS.get(code, otherwise)


def one_line(cause: str, next_step: str = "") -> str:
    """Cause and next step on a single line."""
    cause = " ".join(cause.split()).rstrip(".")
    return f"{cause}; {next_step}" if next_step and "%agent" not in cause else cause


def close_to(word: str, known: list[str], *, cutoff: float = 0.6) -> str:
    """The known word nearest to ``word``, or nothing."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=cutoff)), "")
