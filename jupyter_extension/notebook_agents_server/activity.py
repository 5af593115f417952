"""Tells Jupyter that the server is in use although nobody looks at it.

A server without kernels and requests is ended after a while, by itself or by its Hub. One on which
runs or executions of tasks work, or soon will, must stay: nobody else would start them.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notebook_agents.core.core import Core

LOOK_S = 30.0
"""Jupyter itself looks once in a minute."""
USUAL_TIMEOUT_S = 3600
"""After which JupyterHub's culler ends idle servers, unless it is told otherwise."""
NAME = "notebook_agents"


class Activity:
    """What goes on in a server, as Jupyter counts it."""

    def __init__(
        self, core: Core, last_activity: MutableMapping[str, datetime], *, timeout_s: float
    ) -> None:
        self._core = core
        self._last_activity = last_activity
        self._timeout_s = timeout_s or USUAL_TIMEOUT_S
        self._is_due = False

    async def run(self) -> None:
        """Look again and again; a round that fails is logged and does not end the next."""
        while True:
            round_ = self._core.spawn(self.look(), name="a look at what is due")
            await asyncio.wait((round_,))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Find out whether a task is due before an idle server would be ended."""
        self._is_due = await self._core.schedules.is_due_within(self._timeout_s)
        if self.is_busy():
            self._last_activity[NAME] = datetime.now(UTC)

    def is_busy(self) -> bool:
        """Whether something works now, or will before the server would be ended."""
        core = self._core
        return core.runs.is_busy() or core.executions.is_busy() or self._is_due
