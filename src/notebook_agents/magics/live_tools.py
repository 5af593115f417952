"""What the tools that act in the notebook need of a session, for one prompt at a time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from notebook_agents.core.joined_tools import JoinedTools
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.live.file_tools import FileTools
from notebook_agents.live.notebook_tools import PYTHON, RUN, Notebook, NotebookTools
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from notebook_agents.core.core import Core
    from notebook_agents.core.events import ApprovalRequested
    from notebook_agents.core.ports import ToolRunner
    from notebook_agents.live.previews import Preview
    from notebook_agents.magics.flags import Options
    from notebook_agents.magics.session import Session

    Previewer = Callable[[ApprovalRequested], Waits[Preview | None]]

LINGER_S = 2.0
"""How long after its time limit a dry run may take to be ended and told of."""
REST_S = 3.0
"""No dry run waits longer until the log is read, as for the forecast of its question."""


class LiveTools:
    """Lends a notebook to the runs of its prompts, and looks ahead at what they would do."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lent(self, options: Options) -> Waits[ToolRunner]:
        """The tools that a prompt offers: the notebook's and its functions."""
        session = self._session
        base = yield from until(session.host.submit(_base))
        model = options.model or session.model
        notebook = Notebook(
            shell=session.shell,
            desk=session.desk,
            saver=session.checkpoints,
            visibility=session.visibility,
            is_live=self._is_live(options),
            is_tiny=model == BUNDLED_MODEL,
        )
        files = FileTools(base, session.desk, session.checkpoints)
        return JoinedTools(session.functions, JoinedTools(NotebookTools(notebook, base), files))

    def previewer(self, options: Options) -> Previewer:
        """What tells of a prompt's calls that wait for approval what they would do."""
        here = {RUN, PYTHON} if self._is_live(options) else {RUN}
        return lambda asked: self._preview(asked, here)

    def _is_live(self, options: Options) -> bool:
        """Whether a prompt lets ``python_executor`` run in the notebook."""
        return options.live or bool(self._session.preferences.live)

    def _preview(self, asked: ApprovalRequested, here: Collection[str]) -> Waits[Preview | None]:
        """Found out in a copy of the kernel.

        None when the call does not run in the notebook, only looks, or no dry run is wanted. Never
        raises, but Interrupted passes.
        """
        from notebook_agents.live.fork import Limits, rehearse

        code = asked.arguments.get("code")
        if asked.name not in here or not isinstance(code, str) or asked.effect == "read":
            return None
        session, preferences = self._session, self._session.preferences
        unsaved = session.checkpoints.unsaved(code=code)
        if not preferences.dry_run:
            return without_running(unsaved)
        limits = Limits(
            seconds=preferences.dry_run_seconds, memory_bytes=preferences.dry_run_memory_mb << 20
        )
        yield from until(session.host.submit(_at_rest))
        rehearsal = rehearse(session.shell, code, limits)
        try:
            yield rehearsal.ended, limits.seconds + LINGER_S
        finally:
            rehearsal.stop()
        return rehearsal.preview(unsaved)


def without_running(unsaved: tuple[tuple[str, str], ...]) -> Preview | None:
    """What is known of a call without a dry run; None when that is nothing."""
    from notebook_agents.live.previews import NOT_WANTED, Preview

    return Preview(refusal=NOT_WANTED, not_saved=unsaved) if unsaved else None


async def _at_rest(core: Core) -> None:
    """A copy of the kernel has no threads: what one of them reads must be read before."""
    with suppress(TimeoutError):
        async with asyncio.timeout(REST_S):
            await core.analytics.at_rest()


async def _base(core: Core) -> ToolRunner:
    return core.tools.base
