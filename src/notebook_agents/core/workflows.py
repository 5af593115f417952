"""Workflows: work whose steps are fixed by code, done as a run.

Where an agent decides each step itself, a workflow is a program of named steps that may ask the
model for words. A run with a ``workflow`` obeys limits, cancelling, timeouts and recovery like any
other; whoever follows it sees its steps as events. It ends with an answer in words and a result of
plain values.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from notebook_agents.core.errors import InvalidRequest

if TYPE_CHECKING:
    from notebook_agents.core.events import EventBody
    from notebook_agents.core.messages import Message
    from notebook_agents.core.runs import Run
    from notebook_agents.core.users import Actor

Writer: TypeAlias = Callable[[str, str], Awaitable[str]]
"""Instructions and facts in, the model's words out.

One model step: its tokens and usage are events of the run and count against its limits. Raises
what a model step raises: LimitExceeded, EngineUnavailable.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowTask:
    """What a workflow works on."""

    run: Run
    actor: Actor
    """The owner of the run, without admin rights: look things up as this actor."""
    parameters: Mapping[str, Any]
    """What was asked for beside the message; `Workflow.check` has accepted it."""
    history: tuple[Message, ...]
    """The conversation up to and with the run's own message."""
    write: Writer

    @property
    def message(self) -> str:
        """What the user wrote."""
        return self.run.input.text


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowAnswer:
    """How a workflow ends; the last thing it yields."""

    text: str
    """The answer as it stands in the conversation."""
    result: dict[str, Any] = field(default_factory=dict)
    """What was computed: JSON values only."""


class Workflow(Protocol):
    """A program of steps, known by its name."""

    @property
    def name(self) -> str:
        """What a request asks for it by."""
        ...

    async def check(self, actor: Actor, parameters: Mapping[str, Any]) -> None:
        """Refuse before there is a run what it could not work with.

        InvalidRequest names the wrong parameter, NotFound what is missing.
        """
        ...

    def work(self, task: WorkflowTask) -> AsyncGenerator[EventBody | WorkflowAnswer, None]:
        """Yield the events of the steps, and last of all one WorkflowAnswer.

        WorkflowStepStarted and WorkflowStepFinished go around each step, Warned where fit. What is
        yielded is recorded before the generator goes on. Cancelling and timing out arrive as
        CancelledError at the next ``await``, so long work belongs on a thread. Errors of the
        product's own tree end the run as failed with their message.
        """
        ...


def find_workflow(workflows: Mapping[str, Workflow], name: str) -> Workflow:
    """The workflow of that name; InvalidRequest says which there are."""
    found = workflows.get(name)
    if found is None:
        names = ", ".join(sorted(workflows)) or "none"
        raise InvalidRequest(f"there is no workflow {name!r}; available: {names}", field="workflow")
    return found
