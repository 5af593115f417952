"""What is told of a run when it is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.agent_versions import agent_version
from notebook_agents.core.execution_usage import execution_of
from notebook_agents.core.run_events import RunQueued

if TYPE_CHECKING:
    from notebook_agents.core.ports import Store
    from notebook_agents.core.run_wishes import Place
    from notebook_agents.core.runs import Run


async def queued_event(run: Run, place: Place, notebook: str, store: Store) -> RunQueued:
    """The first event of a run that asks its agent in a place."""
    execution = await execution_of(run, store)
    if execution is not None:
        # What runs a task's notebook tells its kernel no name.
        notebook = execution.notebook_name
    return RunQueued(
        model=run.model,
        input_chars=len(run.input.text),
        tools=run.tools,
        policy=run.policy.name,
        workflow=run.workflow,
        agent_version=agent_version(place.agent, run.model),
        notebook=notebook,
        execution_id=execution.id if execution else "",
        task_id=execution.task_id if execution else "",
        forked_from=place.conversation.forked_from,
    )
