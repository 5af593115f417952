"""The first line of a panel: model, mode, and what the conversation has used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_agents.core.models import ModelInfo, Usage

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.policy import Mode
    from notebook_agents.magics.preferences import Preferences
    from notebook_agents.widgets.chat_board import Record


@dataclass(frozen=True, slots=True)
class ModeWords:
    """What a person is told of a mode."""

    label: str
    hint: str
    is_risky: bool = False


MODES: dict[Mode, ModeWords] = {
    "ask": ModeWords("Ask", "Reading runs; whatever changes something asks first"),
    "auto-edit": ModeWords("Auto-edit", "Variables and files here may be changed; the rest asks"),
    "plan": ModeWords("Plan", "Only looks; changes nothing"),
    "full": ModeWords("Full", "Runs everything without asking, also commands", is_risky=True),
}
"""What the model may do without asking; see ``docs/approval.md``."""
OFFERS = (
    "edit", "fork", "hide", "undo", "always", "edit_call", "queue", "attach",
    "export_notebook", "export_markdown",
)  # fmt: skip
"""What the views show buttons for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of the models."""

    models: tuple[ModelInfo, ...] = ()

    def sees(self, model: str) -> bool:
        """Whether a model takes pictures."""
        return any(info.id == model and "vision" in info.capabilities for info in self.models)

    def record(self, *, model: str, mode: Mode, usage: Usage, context_used: int) -> Record:
        """The header as the state has it."""
        limits = {info.id: info.context_length for info in self.models}
        return {
            "model": model,
            "models": [
                {"id": info.id, "label": info.name or info.id, "note": _note(info)}
                for info in self.models
            ],
            "mode": mode,
            "modes": [
                {"id": id, "label": m.label, "hint": m.hint, "is_risky": m.is_risky}
                for id, m in MODES.items()
            ],
            "context_used": context_used,
            "context_limit": limits.get(model),
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": usage.cost_usd,
        }


def offers_of(preferences: Preferences) -> list[str]:
    """What the views show buttons for; opinions are asked of those who want to be asked."""
    return [*OFFERS, *(["feedback"] if preferences.feedback else [])]


async def header_of(core: Core) -> Header:
    """Ask the core."""
    return Header(models=await core.models.list())


def _note(info: ModelInfo) -> str:
    if info.is_bundled:
        return "built in"
    status = "" if info.status == "available" else info.status.replace("_", " ")
    return " · ".join(part for part in (info.provider, status) if part)
