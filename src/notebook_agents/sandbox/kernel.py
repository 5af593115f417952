"""One tool kernel: started, asked one thing at a time, ended with everything it started."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import zmq
import zmq.asyncio

from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.policy import Level
from notebook_agents.core.tools import SandboxCall, SandboxOutcome, SandboxReason
from notebook_agents.sandbox.call import Call
from notebook_agents.sandbox.calling import expression
from notebook_agents.sandbox.channels import Addresses, Channels
from notebook_agents.sandbox.config import OutputBudget
from notebook_agents.sandbox.keeping import keep_text
from notebook_agents.sandbox.limits import (
    TASKS_AROUND_KERNEL,
    disk_watch,
    max_tasks,
    memory_enforcement,
)
from notebook_agents.sandbox.output import CallOutput
from notebook_agents.sandbox.plan import LaunchPlan
from notebook_agents.sandbox.provisioner import Remains, SandboxProvisioner
from notebook_agents.sandbox.remote import RemoteKernel
from notebook_agents.sandbox.warden import Watched

T = TypeVar("T")

SOCKET_POLL_SECONDS = 0.005
HANDSHAKE_MILLISECONDS = 50
MEMORY_ERRORS = frozenset({"MemoryError", "_ArrayMemoryError", "OutOfMemoryException"})
MEMORY_TRACES = ("MemoryError", "Cannot allocate memory", "bad_alloc", "out of memory")
TASK_ERRORS = ("can't start new thread", "Resource temporarily unavailable")


class ToolKernel:
    """A running kernel and the way to talk to it."""

    def __init__(
        self, plan: LaunchPlan, budget: OutputBudget, provisioner: SandboxProvisioner | RemoteKernel
    ) -> None:
        self.plan = plan
        self.is_usable = False
        self.used_at = time.monotonic()
        self.watched: Watched | None = None
        self._budget = budget
        self._provisioner = provisioner
        self._channels: Channels | None = None

    @property
    def level(self) -> Level:
        """The level that is in force."""
        return self.plan.level

    @property
    def is_alive(self) -> bool:
        """Whether it can take another call."""
        return self.is_usable and self._provisioner.is_running

    @property
    def memory_enforcement(self) -> str:
        """How the memory limit is kept."""
        return memory_enforcement(self.plan)

    def _max_chars(self, request: SandboxCall) -> int:
        """What code may print: more where the folder is the conversation's own and keeps it."""
        return self._budget.file_chars if self.plan.quotas and request.keeps_output else 0

    async def start(self, context: zmq.asyncio.Context) -> None:
        """Start it and wait until it answers; SandboxUnavailable when it does not."""
        addresses = await self._launch()
        self._channels = Channels(context, addresses, self._budget.message_bytes)
        if not await self._shake_hands(self._channels):
            raise await self._refusal("kernel start")
        if missing := await asyncio.to_thread(self._provisioner.lacks):
            raise await self._refusal(*missing)
        self.watched = self._watch()
        self.is_usable = True

    async def _launch(self) -> Addresses:
        """Start its process; where it listens."""
        provisioner = self._provisioner
        if isinstance(provisioner, RemoteKernel):
            return await provisioner.start()
        arguments = await provisioner.pre_launch()
        await finish(provisioner.launch, arguments["cmd"])
        if not await finish(self._wait_for_sockets, provisioner):
            raise await self._refusal("kernel start")
        return Addresses.of_files(self.plan.socket_prefix, provisioner.key)

    async def execute(self, request: SandboxCall) -> SandboxOutcome:
        """Run one call; when cancelled, stop it first."""
        assert self._channels is not None
        assert self.watched is not None
        watched = self.watched
        await asyncio.to_thread(watched.look)
        cpu_before, started = watched.cpu_s, time.monotonic()
        refused_before = watched.n_refused_tasks
        self.is_usable = False
        request_id = await self._channels.send("execute_request", _content(request))
        call = Call(
            channels=self._channels,
            provisioner=self._provisioner,
            output=CallOutput(
                request_id, self._budget, request.on_output, self._max_chars(request)
            ),
            budget=self._budget,
            deadline=started + request.timeout_s,
        )
        await call.run()
        self.is_usable = not call.is_lost
        duration_ms = (time.monotonic() - started) * 1000
        if call.is_cancelled:
            raise asyncio.CancelledError
        # Also of a kernel that is gone: its group, if it has one, still knows why.
        await asyncio.to_thread(watched.look, is_last=self.is_usable)
        self.is_usable = self.is_usable and not watched.verdict
        self.used_at = time.monotonic()
        if call.output.is_long and call.output.max_chars:
            call.output.file = await finish(keep_text, self.plan.workspace, call.output.whole)
        call.has_met_task_limit = watched.n_refused_tasks > refused_before
        return self._outcome(call, duration_ms, (watched.cpu_s - cpu_before) * 1000)

    def cut(self) -> None:
        """End its processes; a call that runs notices."""
        self._provisioner.cut()

    def close(self) -> None:
        """Close the sockets and cut the lifeline; `discard` does the rest."""
        self.is_usable = False
        self._provisioner.cut()
        if self._channels is not None:
            self._channels.close()
            self._channels = None

    def discard(self) -> Remains:
        """Wait for the end of its processes and remove its folder; blocks."""
        return self._provisioner.discard()

    def _outcome(self, call: Call, duration_ms: float, cpu_ms: float) -> SandboxOutcome:
        assert self.watched is not None
        output = call.output
        return SandboxOutcome(
            reason=self._reason(call),
            output=output.text,
            output_file=output.file,
            value=output.value,
            figures=tuple(output.drawings.kept),
            n_figures_left_out=output.drawings.n_left_out,
            error_name=output.error_name,
            error_message=output.error_message,
            traceback=output.traceback,
            duration_ms=duration_ms,
            cpu_ms=max(cpu_ms, 0.0),
            memory_bytes=self.watched.peak_bytes,
            enforced_level=self.level,
            memory_enforcement=self.memory_enforcement,
            kernel_kept=self.is_usable,
            truncated_bytes=output.n_dropped,
            security_events=tuple(call.events),
        )

    def _reason(self, call: Call) -> SandboxReason:
        assert self.watched is not None
        if self.watched.verdict:
            return self.watched.verdict
        if call.stopped_for:
            return call.stopped_for
        if call.is_lost:
            return "KERNEL_LOST"
        if call.output.error_name in MEMORY_ERRORS:
            return "MEMORY_LIMIT"
        if call.output.error_name and (call.has_met_task_limit or _is_task_limit(call.output)):
            return "PROCESS_LIMIT"
        return "ERROR" if call.output.error_name else ""

    def _wait_for_sockets(self, provisioner: SandboxProvisioner) -> bool:
        """Connecting before the files exist costs a reconnect; so wait for the last of them."""
        files = [Path(f"{self.plan.socket_prefix}-{number}") for number in range(1, 6)]
        process = provisioner.process
        give_up = time.monotonic() + self.plan.start_timeout_s
        while process is not None and process.poll() is None and time.monotonic() < give_up:
            if all(file.exists() for file in files):
                return True
            time.sleep(SOCKET_POLL_SECONDS)
        return False

    async def _shake_hands(self, channels: Channels) -> bool:
        """Ask until an answer comes on both channels: only then no output can be missed."""
        give_up = time.monotonic() + self.plan.start_timeout_s
        poller = zmq.asyncio.Poller()
        poller.register(channels.iopub, zmq.POLLIN)
        poller.register(self._provisioner.pidfd, zmq.POLLIN)
        while time.monotonic() < give_up:
            await channels.send("kernel_info_request", {})
            ready: list[tuple[Any, int]] = await poller.poll(HANDSHAKE_MILLISECONDS)
            sources = {source for source, _ in ready}
            if channels.iopub in sources:
                return True
            if self._provisioner.pidfd in sources:
                break
        return False

    async def _refusal(self, *missing: str) -> SandboxUnavailable:
        return await finish(self._provisioner.refusal, missing)

    def _watch(self) -> Watched:
        plan = self.plan
        root = f"/proc/{self._provisioner.kernel_pid}/root"
        return Watched(
            guard_pid=self._provisioner.guard_pid,
            memory_bytes=plan.memory_bytes,
            max_tasks=max_tasks(plan) + TASKS_AROUND_KERNEL,
            cut=self._provisioner.cut,
            group=self._provisioner.group,
            disk=disk_watch(plan, root),
        )


async def finish(function: Callable[..., T], *arguments: Any) -> T:
    """Run a short blocking function on a thread and wait for its end even when cancelled."""
    future = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise


def describe_loss(remains: Remains) -> tuple[SandboxReason, str]:
    """What ended a kernel that nobody ended on purpose."""
    if any(trace in remains.tail for trace in MEMORY_TRACES):
        return "MEMORY_LIMIT", "the tool kernel ran out of memory"
    if remains.exit_code > 128:
        number = remains.exit_code - 128
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = str(number)
        return "KERNEL_LOST", f"the tool kernel was ended by signal {name}"
    return "KERNEL_LOST", f"the tool kernel exited with code {remains.exit_code}"


def _is_task_limit(output: CallOutput) -> bool:
    is_kind = output.error_name in ("RuntimeError", "BlockingIOError")
    return is_kind and any(text in output.error_message for text in TASK_ERRORS)


def _content(request: SandboxCall) -> dict[str, Any]:
    content: dict[str, Any] = {
        "code": request.code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    if request.function:
        value = expression(request.function, request.arguments)
        content |= {"code": "", "silent": True, "user_expressions": {"value": value}}
    return content
