"""The agent editor: agents made, changed and deleted in a form."""

from __future__ import annotations

from dataclasses import dataclass, fields
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import ipywidgets

from notebook_agents.core.agents import (
    DEFAULT_MEMORY_MB,
    DEFAULT_TIMEOUT_S,
    AgentChanges,
    CreateAgent,
    ListAgents,
)
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.policy import DEFAULT_POLICY, LEVELS, MODES, ApprovalPolicy, Level
from notebook_agents.dashboards.tables import Table
from notebook_agents.magics.errors import AgentError
from notebook_agents.widgets.chat_session import MAX_AGENTS, find_agent
from notebook_agents.widgets.panel import LABELS, WIDE, Panel, button

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agent
    from notebook_agents.magics.session import Session

NEW = ""
"""Stands for the agent that is not saved yet."""
FIELDS_OF_CORE = {"timeout_seconds": "timeout_s"}
POLICIES: dict[str, ApprovalPolicy] = {str(mode): policy for mode, policy in MODES.items()}
UNSAVED = "● Unsaved changes"
Waiting = Literal["", "switch", "delete"]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What stands in the form."""

    name: str = ""
    description: str = ""
    instructions: str = ""
    model: str = BUNDLED_MODEL
    has_all_tools: bool = True
    tools: tuple[str, ...] = ()
    policy: ApprovalPolicy = DEFAULT_POLICY
    security_level: Level = "medium"
    timeout_s: float = DEFAULT_TIMEOUT_S
    max_memory_mb: int = DEFAULT_MEMORY_MB


class AgentEditor(Panel):
    """Make and change agents; ``agent`` is the one in the form, None for a new one."""

    heading = "Agents"

    def __init__(self, session: Session, name: str | None = None) -> None:
        super().__init__(session)
        self.agents: tuple[Agent, ...] = ()
        self.agent: Agent | None = None
        self._saved = Draft()
        self._waiting: Waiting = ""
        self._target = NEW
        self._is_filling = False
        self._make_controls()
        actor = self.actor
        first = self.core(lambda core: find_agent(core, actor, name)).id if name else NEW
        self._read()
        self._load(first)
        for control in self.controls.values():
            self.on_change(control, self._changed)
        self.on_change(self.choice, self._choose)
        rows = [each for name in self.controls for each in (self.controls[name], self.errors[name])]
        buttons = ipywidgets.HBox(
            [self.save_button, self.discard, self.delete, self.state],
            layout={"flex_flow": "row wrap"},
        )
        self.fill(self.choice, *rows, buttons, self.question)

    @property
    def draft(self) -> Draft:
        """The form as it is."""
        values = {name: control.value for name, control in self.controls.items()}
        values["tools"] = () if values["has_all_tools"] else tuple(values["tools"])
        return Draft(**values)

    @property
    def is_dirty(self) -> bool:
        """Whether something in the form is not saved."""
        return self.draft != self._saved

    def save(self) -> None:
        """Save what is in the form; what is wrong is said at its field."""
        draft, actor, agent = self.draft, self.actor, self.agent
        self._mark({})
        try:
            self._check(draft)
            if agent is None:
                saved = self.core(lambda core: core.agents.create(actor, _wish(draft)))
            else:
                changes = _changes(draft, self._saved)
                saved = self.core(lambda core: core.agents.update(actor, agent.id, changes))
        except InvalidRequest as error:
            name = str(error.details.get("field") or "")
            self._mark({FIELDS_OF_CORE.get(name, name): error.message})
            raise
        self._read()
        self._load(saved.id)
        self.say(f"{saved.name} is saved. Ask it with notebook_agents.chat({saved.name!r}).")

    def lines(self) -> list[str]:
        """What is being edited."""
        return [f"Editing {self.agent.name}" if self.agent else "A new agent"]

    def tables(self) -> list[Table]:
        """The agents there are."""
        rows = tuple(
            (
                agent.name,
                agent.model,
                "all" if agent.has_all_tools else ", ".join(agent.tools),
                agent.policy.name,
                agent.timeout_s,
                agent.instructions,
            )
            for agent in self.agents
        )
        columns = ("agent", "model", "tools", "policy", "seconds a run", "instructions")
        return [Table(caption="Agents", columns=columns, rows=rows)]

    def _make_controls(self) -> None:
        wide: dict[str, Any] = {"layout": WIDE, "style": LABELS}
        levels = [(f"{level} or stricter", level) for level in LEVELS]
        self.choice = ipywidgets.Dropdown(description="Agent", **wide)
        self.controls: dict[str, Any] = {
            "name": ipywidgets.Text(description="Name *", **wide),
            "description": ipywidgets.Text(description="What it is for", **wide),
            "instructions": ipywidgets.Textarea(
                description="Instructions", style=LABELS, layout=WIDE | {"height": "110px"}
            ),
            "model": ipywidgets.Dropdown(description="Model", **wide),
            "has_all_tools": ipywidgets.Checkbox(
                description="All tools, later ones too", value=True, **wide
            ),
            "tools": ipywidgets.SelectMultiple(description="Only these tools", rows=6, **wide),
            "policy": ipywidgets.Dropdown(description="Approval", **wide),
            "security_level": ipywidgets.Dropdown(description="Sandbox", options=levels, **wide),
            "timeout_s": ipywidgets.FloatText(description="Seconds a run", **wide),
            "max_memory_mb": ipywidgets.IntText(description="Memory, MiB", **wide),
        }
        self.errors = {name: ipywidgets.HTML() for name in self.controls}
        self.save_button = self.on_click(button("Save", "Save the agent", "primary"), self.save)
        self.discard = self.on_click(button("Discard changes"), lambda: self._load(self._id))
        self.delete = self.on_click(
            button("Delete", "Delete the agent", "danger"), lambda: self._ask("delete")
        )
        self.state = ipywidgets.HTML()
        self.asked = ipywidgets.HTML()
        self.yes = self.on_click(button("Yes", style="warning"), self._go_on)
        self.no = self.on_click(button("No, keep editing"), lambda: self._ask(""))
        self.question = ipywidgets.VBox([self.asked, ipywidgets.HBox([self.yes, self.no])])
        self.question.layout.display = "none"

    @property
    def _id(self) -> str:
        return self.agent.id if self.agent else NEW

    def _read(self) -> None:
        """What can be chosen."""
        actor = self.actor
        page = self.core(lambda core: core.agents.list(actor, ListAgents(limit=MAX_AGENTS)))
        self.agents = tuple(page.items)
        models = self.core(lambda core: core.models.list())
        tools = self.core(lambda core: core.tools.specs_for(actor))
        names = {*(model.id for model in models), *(agent.model for agent in self.agents)}
        known = {*(tool.name for tool in tools), *(t for a in self.agents for t in a.tools)}
        policies = {policy.name: policy for policy in (a.policy for a in self.agents)}
        choices = dict(POLICIES)
        choices |= {n: p for n, p in policies.items() if p not in choices.values()}
        self._is_filling = True
        self.choice.options = [("New agent", NEW), *((a.name, a.id) for a in self.agents)]
        self.controls["model"].options = sorted(names)
        self.controls["tools"].options = sorted(known)
        self.controls["policy"].options = [(_policy_words(n, p), p) for n, p in choices.items()]
        self._is_filling = False

    def _load(self, id: str) -> None:
        """Put an agent into the form."""
        self.agent = next((agent for agent in self.agents if agent.id == id), None)
        self._saved = _draft_of(self.agent) if self.agent else Draft()
        self._is_filling = True
        self.choice.value = self._id
        for name, control in self.controls.items():
            control.value = getattr(self._saved, name)
        self._is_filling = False
        self.delete.disabled = self.agent is None
        self._mark({})
        self._ask("")
        self._changed()
        self.rest()

    def _changed(self) -> None:
        if self._is_filling:
            return
        is_dirty = self.is_dirty
        self.controls["tools"].layout.display = (
            "none" if self.controls["has_all_tools"].value else "flex"
        )
        self.save_button.disabled = not is_dirty
        self.discard.disabled = not is_dirty
        self.state.value = f'<span role="status">{UNSAVED}</span>' if is_dirty else ""

    def _choose(self) -> None:
        """Go to another agent; with unsaved changes only when the person says so."""
        if self._is_filling or self.choice.value == self._id:
            return
        if not self.is_dirty:
            self._load(self.choice.value)
            return
        self._target = self.choice.value
        self._is_filling = True
        self.choice.value = self._id
        self._is_filling = False
        self._ask("switch")

    def _ask(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self.question.layout.display = "flex" if waiting else "none"
        name = escape(self.draft.name or "the new agent")
        told = f"Your changes of {name} are not saved. Discard them?"
        if waiting == "delete":
            told = f"Delete {name}? Its conversations and their record stay."
        self.asked.value = f'<div role="alert"><b>{told}</b></div>' if waiting else ""

    def _go_on(self) -> None:
        waiting, agent, actor = self._waiting, self.agent, self.actor
        if waiting == "delete" and agent is not None:
            self.core(lambda core: core.agents.delete(actor, agent.id))
            self._read()
            self._load(NEW)
            self.say(f"{agent.name} is deleted.")
        elif waiting == "switch":
            self._load(self._target)

    def _check(self, draft: Draft) -> None:
        others = [agent for agent in self.agents if agent.id != self._id]
        if any(agent.name == draft.name.strip() for agent in others):
            raise InvalidRequest(f"you have an agent {draft.name.strip()!r} already", field="name")
        if self.agent and self.agent.has_all_tools and not draft.has_all_tools and not draft.tools:
            raise InvalidRequest("choose at least one tool, or all of them", field="tools")
        if self.agent and not self.agent.has_all_tools and draft.has_all_tools:
            raise AgentError(
                "an agent with a list of tools keeps one; make a new agent to give it all of them"
            )

    def _mark(self, problems: dict[str, str]) -> None:
        for name, error in self.errors.items():
            told = problems.get(name, "")
            error.value = f'<span class="na-bad" role="alert">✗ {escape(told)}</span>' * bool(told)


def _draft_of(agent: Agent) -> Draft:
    values = {field.name: getattr(agent, field.name) for field in fields(Draft)}
    return Draft(**values | {"tools": () if agent.has_all_tools else tuple(sorted(agent.tools))})


def _wish(draft: Draft) -> CreateAgent:
    return CreateAgent(
        name=draft.name.strip(),
        description=draft.description,
        model=draft.model,
        instructions=draft.instructions,
        tools=None if draft.has_all_tools else draft.tools,
        policy=draft.policy,
        security_level=draft.security_level,
        timeout_s=draft.timeout_s,
        max_memory_mb=draft.max_memory_mb,
    )


def _changes(draft: Draft, was: Draft) -> AgentChanges:
    """Only what is different."""
    names = {field.name for field in fields(AgentChanges)} & {field.name for field in fields(Draft)}
    given = {name: getattr(draft, name) for name in names}
    return AgentChanges(**{n: v for n, v in given.items() if v != getattr(was, n)})


def _policy_words(name: str, policy: ApprovalPolicy) -> str:
    asks = [effect for effect in ("read", "compute", "write", "network", "external")
            if getattr(policy, effect) == "ask"]  # fmt: skip
    denies = [effect for effect in ("compute", "write", "network", "external", "privileged")
              if getattr(policy, effect) == "deny"]  # fmt: skip
    told = [f"asks: {', '.join(asks)}"] if asks else []
    told += [f"denies: {', '.join(denies)}"] if denies else []
    return f"{name} ({'; '.join(told)})"
