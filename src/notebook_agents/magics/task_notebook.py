"""Prompts in the notebook of a task's execution, where nobody sits in front.

They go to the execution's conversation, with its tools and policy and what is left of its budget.
Where the execution goes on with another, a prompt that was answered there is answered from the
record: nothing is asked, no tool runs, and the cell shows what it showed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_agents.core.executions import MARK
from notebook_agents.magics.environment import execution_id
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.engagements import Engagement
    from notebook_agents.core.events import EventBody
    from notebook_agents.core.runs import Run, StartRun
    from notebook_agents.magics.host import CoreHost
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.transcript import Transcript


class Engaged:
    """What the magic remembers of its execution between cells."""

    def __init__(self, engagement: Engagement) -> None:
        self.engagement = engagement
        self._n_recorded = 0
        self._is_beyond = False
        """Whether something was asked that is not on record; from then on everything is new."""

    @property
    def conversation_id(self) -> str:
        """Where every prompt goes."""
        return self.engagement.conversation.id

    def check(self, options: Options) -> None:
        """Refuse the flags that would widen what the task allows, or need a person."""
        if options.approval != "default":
            raise AgentError(
                f"--{options.approval} means nothing in a task: its settings say what tools may do"
            )
        allowed = self.engagement.conversation.settings.tools
        if options.tools and allowed is not None and (more := set(options.tools) - set(allowed)):
            raise AgentError(f"the task allows no tool {sorted(more)[0]!r}; add it to its settings")

    def wish(self, host: CoreHost, wish: StartRun) -> Waits[StartRun]:
        """The same wish as the task allows it; AgentError when its budget is used up."""
        engagement = self.engagement
        limits = yield from until(host.submit(lambda core: core.engagements.limits(engagement)))
        if wish.limits is not None and wish.limits.max_tokens is not None:
            most = min(wish.limits.max_tokens, limits.max_tokens or wish.limits.max_tokens)
            limits = replace(limits, max_tokens=most)
        return replace(
            wish,
            conversation_id=self.conversation_id,
            workspace="",
            policy=None,
            limits=limits,
            metadata={**wish.metadata, MARK: engagement.execution.id},
        )

    def recorded(self, host: CoreHost, text: str, transcript: Transcript) -> Waits[Run | None]:
        """The answer that is on record for the next prompt, drawn as it was; None asks anew."""
        run = None if self._is_beyond else self.engagement.recorded(self._n_recorded, text)
        if run is None:
            self._is_beyond = True
            return None
        self._n_recorded += 1
        bodies = yield from until(host.submit(lambda core: _bodies(core, run)))
        for body in bodies:
            transcript.apply(body)
        transcript.note("answered before this execution went on; nothing was asked again")
        return run


async def engage(core: Core) -> Engaged | None:
    """The execution that this kernel works for, if there is one."""
    id = execution_id()
    return Engaged(await core.engagements.get(id)) if id else None


async def _bodies(core: Core, run: Run) -> list[EventBody]:
    gathered = await core.journal.gather(run.conversation_id, run_id=run.id)
    return [event.body for event in gathered.events]
