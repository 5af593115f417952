"""`KernelSandbox`: answers the core's Sandbox port with one tool kernel per conversation.

A kernel belongs to one owner, one conversation, one workspace and one level; calls to it take
turns. It is kept between calls and ended when idle. A level that cannot be enforced is refused,
never silently lowered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import zmq.asyncio

from notebook_agents.confinement import cgroups
from notebook_agents.confinement.cgroups import ControlGroups
from notebook_agents.core.errors import InvalidRequest, SandboxUnavailable
from notebook_agents.core.folders import remove_folder
from notebook_agents.core.policy import LEVELS, Level, strictest
from notebook_agents.core.tools import LevelReport, SandboxCall, SandboxOutcome
from notebook_agents.sandbox.config import OutputBudget, SandboxConfig
from notebook_agents.sandbox.egress import Pass, lacks_way, with_way
from notebook_agents.sandbox.fileview import import_paths
from notebook_agents.sandbox.kernel import ToolKernel, describe_loss, finish
from notebook_agents.sandbox.limits import require_hard_memory
from notebook_agents.sandbox.places import Places
from notebook_agents.sandbox.plan import REMOTE, LaunchPlan
from notebook_agents.sandbox.probe import probe
from notebook_agents.sandbox.provisioner import Remains, SandboxProvisioner, provisioner_of
from notebook_agents.sandbox.remote import RemoteKernel, remote_reports
from notebook_agents.sandbox.rundir import RunDir
from notebook_agents.sandbox.turns import Turns
from notebook_agents.sandbox.warden import Warden
from notebook_agents.sandbox.worksite import inside, prepare, put_away, review
from notebook_agents.sandbox.zygotes import Zygotes, may_join

DOC = "docs/security.md"
Key = tuple[str, str]
"""Owner and conversation."""
WRITES = "/writes"
"""Behind the key of the kernel in which allowed tools change a workspace; no id has a slash."""


@dataclass(slots=True, eq=False)
class Slot:
    """The place of one conversation's kernel; calls take turns by the lock."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    kernel: ToolKernel | None = None
    n_waiting: int = 0
    is_closed: bool = False
    timer: asyncio.TimerHandle | None = None
    way: Pass | None = None
    """The kernel's way out, where its code has one."""


class KernelSandbox:
    """Tool kernels of one deployment; used from one event loop."""

    def __init__(self, config: SandboxConfig, budget: OutputBudget | None = None) -> None:
        self._config = config
        self._budget = budget or OutputBudget()
        self._slots: dict[Key, Slot] = {}
        self._reports: dict[Level, LevelReport] = {}
        """Empty until the machine was probed, and after a kernel could not be started."""
        self._backends: dict[Level, str] = {}
        self._probing = asyncio.Lock()
        self._context: zmq.asyncio.Context | None = None
        self._run_dir: RunDir | None = None
        self._opening = asyncio.Lock()
        self._warden = Warden()
        self._endings: set[asyncio.Future[Remains]] = set()
        self._groups: ControlGroups | None = None
        self._places = Places()
        self.zygotes = Zygotes(config)
        self._turns = Turns(config.max_calls_per_owner, config.max_waiting_per_owner)

    @property
    def reaches_network(self) -> bool:
        """Whether code can reach any host: those that the deployment named."""
        return self._config.egress is not None

    async def levels(self) -> Sequence[LevelReport]:
        """What this machine can enforce, probed by really doing it once."""
        async with self._probing:
            if not self._reports:
                reports = [
                    *await finish(probe, self._config),
                    *await finish(remote_reports, self._config),
                ]
                self._reports = {report.level: report for report in reports}
                self._backends = {report.level: report.backend for report in reports}
        return tuple(self._reports.values())

    async def resolve(self, level: Level) -> Level:
        """The level that will be enforced; SandboxUnavailable when it cannot be."""
        if level not in LEVELS:
            raise InvalidRequest(
                f"security level {level!r} is not one of {', '.join(LEVELS)}", field="level"
            )
        await self.levels()
        wanted = strictest(level, self._config.floor)
        if self._reports[wanted].is_available:
            return wanted
        fallback = self._config.fallback
        if fallback and self._may_fall(wanted, fallback):
            return fallback
        raise self._unavailable(wanted)

    async def execute(self, call: SandboxCall) -> SandboxOutcome:
        """Run code or a function; cancelling the awaiting task interrupts, then kills."""
        level = await self.resolve(call.level)
        with self._turns.wait(call.owner_id):
            slot = self._slots.setdefault(_place(call), Slot())
            slot.n_waiting += 1
            try:
                async with slot.lock, self._turns.run(call.owner_id):
                    outcome = await self._run(slot, replace(call, level=level))
            finally:
                slot.n_waiting -= 1
                self._retire(call, slot)
        return self._with_fallback_event(call, outcome)

    async def close(self, key: str) -> None:
        """End the kernel of a conversation and clean up after it."""
        await self._close([place for place in self._slots if place[1] in (key, key + WRITES)])

    async def aclose(self) -> None:
        """End all kernels."""
        await self._close(list(self._slots))
        await self.zygotes.aclose()
        await finish(self._warden.close)
        if self._run_dir is not None:
            await finish(self._run_dir.close)
            self._run_dir = None
        if self._context is not None:
            self._context.destroy(linger=0)
            self._context = None

    async def _run(self, slot: Slot, call: SandboxCall) -> SandboxOutcome:
        kernel = None if slot.is_closed else await self._kernel_for(slot, call)
        if kernel is None or slot.is_closed:
            raise SandboxUnavailable("the tool kernel of this conversation was closed")
        assert kernel.watched is not None
        kernel.watched.is_busy = True
        self._warden.wake()
        try:
            outcome = await kernel.execute(inside(kernel.plan, call))
            outcome = await self._reviewed(kernel.plan, outcome, slot.way)
        finally:
            kernel.watched.is_busy = False
            is_kept = kernel.is_usable and not kernel.plan.is_staged
            remains = None if is_kept else await self._lose(slot)
        if remains is not None and outcome.reason == "KERNEL_LOST":
            reason, message = describe_loss(remains)
            return replace(outcome, reason=reason, error_message=message)
        return outcome

    async def _reviewed(
        self, plan: LaunchPlan, outcome: SandboxOutcome, way: Pass | None
    ) -> SandboxOutcome:
        """The outcome with what its folder was looked at for."""
        events = await finish(review, plan, self._config)
        if way is not None:
            events = (*events, *way.events())
        return replace(
            outcome,
            backend=plan.mechanism,
            kernel_kept=outcome.kernel_kept and not plan.is_staged,
            security_events=(*outcome.security_events, *events),
        )

    async def _kernel_for(self, slot: Slot, call: SandboxCall) -> ToolKernel:
        """The slot's kernel if it fits the call and lives, else a new one."""
        if slot.timer is not None:
            slot.timer.cancel()
        if slot.kernel is not None:
            found, egress = slot.kernel.plan, self._config.egress
            is_fit = _fits(found, call) and not lacks_way(found, call, egress)
            if is_fit and slot.kernel.is_alive:
                return slot.kernel
            self._end(slot)
        run_dir = await self._opened_run_dir()
        if self._context is None:
            self._context = zmq.asyncio.Context()
        self._make_room()
        plan, slot.way = await self._planned(run_dir, call)
        kernel = ToolKernel(plan, self._budget, self._provisioner(plan, call.owner_id))
        slot.kernel = kernel
        try:
            await kernel.start(self._context)
        except BaseException as error:
            self._end(slot)
            if isinstance(error, SandboxUnavailable):
                self._reports = {}
            raise
        assert kernel.watched is not None
        self._warden.watch(kernel.watched)
        return kernel

    async def _planned(self, run_dir: RunDir, call: SandboxCall) -> tuple[LaunchPlan, Pass | None]:
        """The plan of a kernel and its way out; nothing is left of them when this is cancelled."""
        made: list[LaunchPlan] = []
        try:
            await finish(lambda: made.append(self._plan(run_dir, call)))
            return await with_way(made[0], call, self._config.egress)
        except BaseException:
            for plan in made:
                await finish(put_away, plan, self._places)
            raise

    def _provisioner(self, plan: LaunchPlan, owner: str) -> SandboxProvisioner | RemoteKernel:
        if plan.mechanism == REMOTE:
            return RemoteKernel(plan, self._config.remote)
        is_joining = may_join(plan) and not plan.network_socket
        zygote = self.zygotes.take(owner) if is_joining else None
        return provisioner_of(plan, zygote)

    async def _opened_run_dir(self) -> RunDir:
        """The one folder of this process, however many calls come first at once."""
        async with self._opening:
            # Assigned on the thread: a call that is cancelled meanwhile must not lose the folder.
            if self._run_dir is None:
                return await finish(self._open_run_dir)
            return self._run_dir

    def _open_run_dir(self) -> RunDir:
        self._groups = cgroups.find()
        self._run_dir = RunDir(self._config.run_dir, self._groups)
        return self._run_dir

    def _plan(self, run_dir: RunDir, call: SandboxCall) -> LaunchPlan:
        config = self._config
        workspace = Path(call.workspace).resolve()
        if not workspace.is_dir():
            raise InvalidRequest(
                f"the workspace {call.workspace!r} is not a folder", field="workspace"
            )
        is_ours = _is_below(workspace, config.writable_root)
        plan = LaunchPlan(
            level=call.level,
            run_dir=run_dir.make(),
            workspace=workspace,
            asked_workspace=call.workspace,
            private=tuple(path.resolve() for path in config.private),
            is_writable=call.may_write or is_ours,
            is_ours=is_ours and not call.may_write,
            backend=self._backends[call.level],
            protected=config.protected,
            groups=self._groups,
            quotas=(workspace,) if is_ours else (),
            max_disk_bytes=config.max_disk_bytes,
            max_files=config.max_files,
            memory_bytes=call.memory_bytes,
            max_file_bytes=config.max_file_bytes,
            scratch_bytes=config.scratch_bytes,
            max_tasks=config.max_tasks,
            packages=config.packages,
            import_paths=import_paths(config.packages),
            bwrap=config.bwrap,
            start_timeout_s=config.start_timeout_s,
        )
        try:
            require_hard_memory(plan, allow_soft=config.allow_soft_memory)
            return prepare(plan, config, self._places)
        except BaseException:
            remove_folder(plan.run_dir)
            raise

    def _make_room(self) -> None:
        """End the kernel that was idle longest when there are too many."""
        idle = [s for s in self._slots.values() if s.kernel is not None and s.n_waiting == 0]
        running = sum(1 for slot in self._slots.values() if slot.kernel is not None)
        idle.sort(key=lambda slot: slot.kernel.used_at if slot.kernel else 0.0)
        for slot in idle[: max(running - self._config.max_kernels + 1, 0)]:
            self._end(slot)

    def _retire(self, call: SandboxCall, slot: Slot) -> None:
        """Forget an empty slot; let a kept kernel end when it stays idle."""
        if slot.n_waiting:
            return
        place = _place(call)
        if slot.kernel is None:
            if self._slots.get(place) is slot:
                del self._slots[place]
        elif self._slots.get(place) is slot:
            loop = asyncio.get_running_loop()
            slot.timer = loop.call_later(self._config.idle_ttl_s, self._expire, place, slot)
        else:
            self._end(slot)

    def _expire(self, place: Key, slot: Slot) -> None:
        if slot.n_waiting == 0 and self._slots.get(place) is slot:
            del self._slots[place]
            self._end(slot)

    async def _lose(self, slot: Slot) -> Remains | None:
        """Put away a kernel that is gone; what is known of its end."""
        ending = self._end(slot)
        return await asyncio.shield(ending) if ending is not None else None

    def _end(self, slot: Slot) -> asyncio.Future[Remains] | None:
        """Stop a slot's kernel at once; its folder is removed on a thread."""
        kernel, slot.kernel = slot.kernel, None
        if slot.timer is not None:
            slot.timer.cancel()
        way, slot.way = slot.way, None
        if way is not None:
            way.close()
        if kernel is None:
            return None
        if kernel.watched is not None:
            self._warden.forget(kernel.watched)
        kernel.close()
        ending = asyncio.get_running_loop().run_in_executor(None, self._discard, kernel)
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        return ending

    def _discard(self, kernel: ToolKernel) -> Remains:
        try:
            return kernel.discard()
        finally:
            put_away(kernel.plan, self._places)

    async def _close(self, places: list[Key]) -> None:
        """End the kernels of some slots; a call that runs ends as lost, those waiting fail."""
        slots = [self._slots.pop(place) for place in places]
        for slot in slots:
            slot.is_closed = True
            if slot.kernel is not None:
                slot.kernel.cut()
        for slot in slots:
            async with slot.lock:
                self._end(slot)
        if self._endings:
            await asyncio.wait(list(self._endings))

    def _may_fall(self, wanted: Level, fallback: Level) -> bool:
        is_lower = LEVELS.index(fallback) < LEVELS.index(wanted)
        is_too_far = wanted == "high" and fallback == "low"
        return is_lower and not is_too_far and self._reports[fallback].is_available

    def _unavailable(self, wanted: Level) -> SandboxUnavailable:
        report = self._reports[wanted]
        available = [level for level in LEVELS if self._reports[level].is_available]
        lacks = ", ".join(report.missing)
        return SandboxUnavailable(
            f"Level {wanted!r} cannot be enforced here: missing {lacks} ({report.evidence}). "
            f"To mend it: {report.remedy}. See {DOC}.",
            requested_level=wanted,
            best_available=available[-1] if available else "",
            missing=list(report.missing),
            evidence=report.evidence,
            remedy=report.remedy,
            doc=DOC,
        )

    def _with_fallback_event(self, call: SandboxCall, outcome: SandboxOutcome) -> SandboxOutcome:
        wanted = strictest(call.level, self._config.floor)
        if LEVELS.index(outcome.enforced_level) >= LEVELS.index(wanted):
            return outcome
        event = f"sandbox fallback: {wanted} was asked for, {outcome.enforced_level} is in force"
        return replace(outcome, security_events=(event, *outcome.security_events))


def _place(call: SandboxCall) -> Key:
    assert not (call.may_write and call.code), "only functions of ours may write"
    return call.owner_id, call.key + (WRITES if call.may_write else "")


def _is_below(workspace: Path, root: Path | None) -> bool:
    return root is not None and workspace.is_relative_to(root.resolve())


def _fits(plan: LaunchPlan, call: SandboxCall) -> bool:
    return (
        plan.level == call.level
        and plan.memory_bytes == call.memory_bytes
        and plan.asked_workspace == call.workspace
    )
