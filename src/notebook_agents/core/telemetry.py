"""Telling a collector of OpenTelemetry what the event log says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from notebook_agents.core.agents import Agent
from notebook_agents.core.errors import NotebookAgentsError

if TYPE_CHECKING:
    from notebook_agents.core.models import Models
    from notebook_agents.core.ports import EventLog, Store

OURS = "notebook-agents"
"""Who serves a model that runs on machines of the deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookups:
    """What events do not tell: names that a person would read."""

    agent: Callable[[str], Awaitable[str]]
    """The name of an agent by its id; empty for one that is gone."""
    provider: Callable[[str], Awaitable[str]]
    """Who serves a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryReport:
    """How telling goes."""

    state: Literal["working", "waiting", "failing"]
    """``waiting``: it has not begun, as while another server of this log does it; ``failing``: the
    collector takes nothing."""
    n_spans: int = 0
    """Taken by the collector since this process began."""
    n_refused: int = 0
    """That the collector refused for good; they are not sent again."""
    n_waiting: int = 0
    """In memory, until the collector takes them; what comes after them is in the log only."""
    problem: str = ""


class Telemetry(Protocol):
    """Follows an event log and tells a collector; only a server has one."""

    async def work(self, log: EventLog, lookups: Lookups) -> None:
        """Tell until cancelled; runs never wait, and what cannot be told yet stays in the log."""
        ...

    def report(self) -> TelemetryReport:
        """How it goes."""
        ...

    async def aclose(self) -> None:
        """Release everything, at once also where the collector does not answer."""
        ...


def lookups_of(store: Store, models: Models) -> Lookups:
    """The names as the core knows them."""

    async def agent(id: str) -> str:
        found = await store.get(Agent, id) if id else None
        return found.name if found else ""

    async def provider(model: str) -> str:
        with suppress(NotebookAgentsError):
            return (await models.get(model)).provider or OURS
        return OURS

    return Lookups(agent=agent, provider=provider)
