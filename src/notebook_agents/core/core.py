"""``Core``: one service per noun; the only door every other room uses."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from notebook_agents.core.core_ports import CorePorts
from notebook_agents.core.parts import Parts
from notebook_agents.core.telemetry import lookups_of

if TYPE_CHECKING:
    from notebook_agents.core.journal import RelayReport
    from notebook_agents.core.telemetry import TelemetryReport

__all__ = ["Core", "CorePorts"]

RECOVER_S = 5.0
"""How often a core looks for work whose process has died."""
PURGE_S = 3600.0
"""How often it forgets what is worth nothing any more."""
_log = logging.getLogger(__name__)


class Core(Parts):
    """Everything the product can do."""

    async def start(self) -> None:
        """Bring order into what a process before this one left behind."""
        await self._recover()
        self.spawn(self._recover_on(), name="recovery")
        self.spawn(self._purge_on(), name="purging")
        if self.webhook_work is not None:
            self.spawn(self.webhook_work.work(), name="webhooks")
        if (schedule_work := self._schedule_work()) is not None:
            self.spawn(schedule_work.work(), name="schedules")
        if (telemetry := self._ports.telemetry) is not None:
            lookups = lookups_of(self._ports.store, self.models)
            self.spawn(telemetry.work(self._ports.event_log, lookups), name="telemetry")
        if self._ports.is_server:
            self.spawn(self.log_keeper.work(), name="the event log's keeper")

    async def _recover(self) -> None:
        if n := await self.runs.recover():
            _log.warning("marked %d runs of a process that died as interrupted", n)
        if n := await self.batches.recover():
            _log.warning("ended %d executions of a process that died", n)
        if n := await self.executions.recover():
            _log.warning("took over %d executions of tasks of a process that died", n)
        if n := await self.attachment_work.recover():
            _log.warning("reading %d files again of a process that died", n)
        if n := await self._ports.workspaces.recover(self._ports.store.is_alive):
            _log.warning("removed %d folders of direct calls of a process that died", n)

    async def _recover_on(self) -> None:
        """Look again and again for what processes that died since then have left."""
        while True:
            await asyncio.sleep(RECOVER_S)
            await asyncio.wait((self.spawn(self._recover(), name="a round of recovery"),))

    async def _purge_on(self) -> None:
        """Forget again and again; a round that fails is logged and does not end the next."""
        while True:
            files = (self.attachment_work.purge, self.archives.purge)
            for purge in (self.logins.purge, self.tool_servers.renew_secrets, *files):
                await asyncio.wait((self.spawn(purge(), name="a round of purging"),))
            await asyncio.sleep(PURGE_S)

    async def relay_report(self) -> RelayReport | None:
        """How what the servers of a deployment share does; None where nothing is shared."""
        relay = self._ports.relay
        return None if relay is None else await relay.report()

    def telemetry_report(self) -> TelemetryReport | None:
        """How telling a collector goes; None where none is told."""
        telemetry = self._ports.telemetry
        return None if telemetry is None else telemetry.report()

    async def aclose(self) -> None:
        """End background work, then the adapters; runs that work end as interrupted."""
        self.log_keeper.stop()  # first: nothing here waits for a thread that waits for it
        await self.supervisor.aclose()
        if self._ports.telemetry is not None:
            await self._ports.telemetry.aclose()
        if self._ports.relay is not None:
            await self._ports.relay.aclose()
        if self._ports.webhook_sender is not None:
            await self._ports.webhook_sender.aclose()
        if self._ports.attachment_files is not None:
            await self._ports.attachment_files.aclose()
        if self._ports.task_runner is not None:
            await self._ports.task_runner.aclose()
        if self._ports.tool_servers is not None:
            await self._ports.tool_servers.aclose()
        await self._ports.tools.aclose()
        await self._ports.sandbox.aclose()
        await self._ports.engine.aclose()
        await self._ports.analytics.aclose()
        if self._ports.workload_tables is not None:
            await self._ports.workload_tables.aclose()
        await self._ports.event_log.aclose()
        await self._ports.store.aclose()
