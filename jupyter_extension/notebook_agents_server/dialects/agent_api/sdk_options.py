"""Options of the agent SDK, as sessions, templates and tasks take them, and what they become.

They are echoed as they were sent. What is not here is refused by name: it would have no effect.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints

from notebook_agents.core.conversations import ConversationSettings
from notebook_agents.core.outside_tools import ANY_OUTSIDE, NOT, is_outside
from notebook_agents.core.policy import (
    ACCEPT_EDITS_POLICY,
    ALLOW_POLICY,
    DEFAULT_POLICY,
    PLAN_POLICY,
    ApprovalPolicy,
)
from notebook_agents.core.runs import Limits
from notebook_agents.core.tool_names import ours, theirs, to_ours
from notebook_agents_server.bodies import Request

MAX_TOOLS = 200
MAX_PROMPT_CHARS = 100_000
MAX_TURNS = 1000

ToolName: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ToolNames: TypeAlias = Annotated[list[ToolName], Field(max_length=MAX_TOOLS)]
Prompt: TypeAlias = Annotated[str, StringConstraints(max_length=MAX_PROMPT_CHARS)]
PermissionMode: TypeAlias = Literal["default", "acceptEdits", "bypassPermissions", "plan"]

POLICIES: Mapping[PermissionMode, ApprovalPolicy] = {
    "default": DEFAULT_POLICY,
    "acceptEdits": ACCEPT_EDITS_POLICY,
    "bypassPermissions": ALLOW_POLICY,
    "plan": PLAN_POLICY,
}
"""No mode allows what no policy allows, nor changes the sandbox that tools run in."""


class SdkOptions(Request):
    """``sdk_options``; None is what is not said."""

    allowed_tools: ToolNames | None = None
    """By the names coding agents have for tools, or by ours; None allows every tool."""
    disallowed_tools: ToolNames | None = None
    """Taken from those that are allowed."""
    permission_mode: PermissionMode | None = None
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    system_prompt: Prompt | None = None
    append_system_prompt: Prompt | None = None
    max_turns: Annotated[int, Field(ge=1, le=MAX_TURNS)] | None = None
    """Model steps of one query."""
    max_budget_usd: Annotated[float, Field(gt=0)] | None = None
    """Of one query; has no effect on models without a price."""

    def said(self) -> dict[str, Any]:
        """The options as they were sent."""
        return self.model_dump(exclude_unset=True)


def settings_of(
    options: SdkOptions, known: Collection[str], *, timeout_s: float | None = None
) -> ConversationSettings:
    """What the runs of a conversation with these options are made of.

    Args:
        options: What the client said.
        known: The tools there are, by our names.
        timeout_s: Wall clock of one run; None takes the default.

    Raises:
        InvalidRequest: there is no such tool.
    """
    words = (options.system_prompt, options.append_system_prompt)
    return ConversationSettings(
        model=options.model,
        tools=_tools(options, known),
        limits=_limits(options, timeout_s),
        policy=POLICIES[options.permission_mode] if options.permission_mode else None,
        instructions="\n".join(filter(None, words)),
        options={"sdk_options": options.said()},
    )


def _tools(options: SdkOptions, known: Collection[str]) -> tuple[str, ...] | None:
    refused = to_ours(options.disallowed_tools or (), known, field="sdk_options.disallowed_tools")
    if options.allowed_tools is None and not refused:
        return None
    given = tuple(known) if options.allowed_tools is None else options.allowed_tools
    allowed = to_ours(given, known, field="sdk_options.allowed_tools")
    names = tuple(name for name in allowed if name not in refused)
    # MCP servers are switched on apart from this; whoever names tools of theirs means just those.
    outside = () if any(map(is_outside, allowed)) else (ANY_OUTSIDE,)
    return (*names, *outside, *(f"{NOT}{name}" for name in refused if is_outside(name)))


def _limits(options: SdkOptions, timeout_s: float | None) -> Limits | None:
    given: dict[str, Any] = {
        "max_steps": options.max_turns,
        "max_cost_usd": options.max_budget_usd,
        "timeout_s": timeout_s,
    }
    said = {name: value for name, value in given.items() if value is not None}
    return Limits(**said) if said else None


def options_of(settings: ConversationSettings) -> dict[str, Any]:
    """The options of a conversation as they were sent; none of one begun elsewhere."""
    said = settings.options.get("sdk_options")
    return dict(said) if isinstance(said, dict) else {}


def spoken_name(name: str, settings: ConversationSettings) -> str:
    """A tool as its client calls it; as coding agents do where the client did not name it."""
    named = options_of(settings).get("allowed_tools") or ()
    return next((said for said in named if ours(said) == name), theirs(name))
