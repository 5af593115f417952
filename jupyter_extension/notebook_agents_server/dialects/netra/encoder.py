"""From the core's events to Netra's messages.

A run gives an update at the beginning and end of each step and then exactly one ``agent_result`` or
``error``; a cancelled one says so in one more update before. Nothing follows the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from notebook_agents.core.events import RunFinished, WorkflowStepFinished, WorkflowStepStarted
from notebook_agents_server.dialects.netra.frames import (
    AgentResult,
    AgentResultMessage,
    AgentUpdate,
    AgentUpdateMessage,
    ErrorData,
    ErrorMessage,
    RunMessage,
)
from notebook_agents_server.dialects.netra.mapping import (
    STOPPED,
    SUB_AGENTS,
    printed,
    result_to_wire,
)

if TYPE_CHECKING:
    from notebook_agents.core.events import Event

Step = WorkflowStepStarted | WorkflowStepFinished
FIRST_AGENT = SUB_AGENTS["triage"]
FAILED = "PROCESSING_ERROR"
"""Message Types / error."""


class EventEncoder:
    """Messages for the events of one run."""

    def __init__(self, id: str | None = None) -> None:
        self._id = id
        self._agent = FIRST_AGENT
        self._progress = 0
        self._is_done = False

    def encode(self, event: Event) -> list[RunMessage]:
        """The messages of one event; none for what the document does not show."""
        if self._is_done:
            return []
        match event.body:
            case WorkflowStepStarted() as body:
                return [self._step(event, body, "processing")]
            case WorkflowStepFinished() as body:
                return [self._step(event, body, "completed")]
            case RunFinished() as body:
                self._is_done = True
                return self._end(event, body)
        return []

    def _step(
        self, event: Event, body: Step, status: Literal["processing", "completed"]
    ) -> AgentUpdateMessage:
        self._agent = SUB_AGENTS.get(body.step, body.agent or body.step)
        self._progress = max(self._progress, body.progress)
        return self._update(event, status, body.message)

    def _update(
        self, event: Event, status: Literal["processing", "completed", "cancelled"], message: str
    ) -> AgentUpdateMessage:
        data = AgentUpdate(
            agent=self._agent,
            status=status,
            message=message,
            progress=self._progress,
            **_where(event),
        )
        return AgentUpdateMessage(data=data, timestamp=event.ts, id=self._id)

    def _end(self, event: Event, body: RunFinished) -> list[RunMessage]:
        if body.state == "succeeded":
            return [self._result(event, body)]
        if body.state == "cancelled":
            said = self._update(event, "cancelled", STOPPED)
            return [said, self._result(event, body)]
        data = ErrorData(
            code=FAILED,
            message=f"{self._agent} could not finish: the run {body.state.replace('_', ' ')}",
            details=body.error_message,
            **_where(event),
        )
        return [ErrorMessage(data=data, timestamp=event.ts, id=self._id)]

    def _result(self, event: Event, body: RunFinished) -> AgentResultMessage:
        data = AgentResult(
            success=body.state == "succeeded",
            message=body.text or ("" if body.state == "succeeded" else STOPPED),
            result=result_to_wire(body.result),
            **_where(event),
        )
        return AgentResultMessage(data=data, timestamp=event.ts, id=self._id)


def _where(event: Event) -> dict[str, Any]:
    return {
        "run_id": printed("run", event.run_id),
        "thread_id": printed("thread", event.conversation_id),
    }
