"""One request to a kernel from sending to its end, whatever the code does.

Time is up, output is over its budget, or the caller gave up: SIGINT, 0.4 s later SIGINT again,
0.4 s later everything the kernel started is killed. Code that ignores interrupts is an ordinary
case. The kernel's own end is noticed by its guard's pidfd, not by asking it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass, field
from typing import Any

import zmq
import zmq.asyncio

from notebook_agents.core.tools import SandboxReason
from notebook_agents.sandbox.channels import Channels, Violation
from notebook_agents.sandbox.config import OutputBudget
from notebook_agents.sandbox.output import CallOutput
from notebook_agents.sandbox.provisioner import SandboxProvisioner
from notebook_agents.sandbox.remote import RemoteKernel

GRACE_SECONDS = 0.4
N_INTERRUPTS = 2
QUIET_SECONDS = 2.0
"""How long after the reply the end of the output may be outstanding."""
END_MILLISECONDS = 1000
MESSAGES_PER_TURN = 100
LARGE_BYTES = 256 * 1024
"""Reading a message of this size takes milliseconds; then it is the others' turn."""
KILL_SECONDS = 5.0
"""How long the guard may take to end everything; it kills without waiting."""


@dataclass(slots=True)
class Call:
    """The running request and why it is being stopped, if it is."""

    channels: Channels
    provisioner: SandboxProvisioner | RemoteKernel
    output: CallOutput
    budget: OutputBudget
    deadline: float
    """Monotonic time of the next step against the code."""
    stopped_for: SandboxReason = ""
    is_cancelled: bool = False
    is_lost: bool = False
    has_met_task_limit: bool = False
    """Whether a process or thread of the code could not be started."""
    n_violations: int = 0
    events: list[str] = field(default_factory=list)
    _n_steps: int = 0
    _answered_at: float = 0.0

    async def run(self) -> None:
        """Listen until the call is complete or the kernel is gone."""
        poller = zmq.asyncio.Poller()
        for source in (self.channels.iopub, self.channels.shell, self.channels.monitor):
            poller.register(source, zmq.POLLIN)
        poller.register(self.provisioner.pidfd, zmq.POLLIN)
        while not (self.output.is_complete or self.is_lost):
            try:
                await self._turn(poller)
            except asyncio.CancelledError:
                if self.is_cancelled:
                    self._kill()
                    raise
                self.is_cancelled = True
                self._stop("ERROR")

    async def _turn(self, poller: zmq.asyncio.Poller) -> None:
        """Wait for something to happen or to be due, and act on it."""
        wait_s = max(self._next_due() - time.monotonic(), 0)
        ready: list[tuple[Any, int]] = await poller.poll(int(wait_s * 1000) + 1)
        sources = {source for source, _ in ready}
        await self._read()
        if self.provisioner.pidfd in sources:
            self.is_lost = not self.output.is_complete
        elif self.channels.monitor in sources:
            await self._disconnected()
        elif self.output.is_over_budget and not self.output.is_complete:
            self._stop("OUTPUT_LIMIT")
        self._check_time()

    def _next_due(self) -> float:
        if self.output.is_answered:
            return min(self.deadline, self._answered_at + QUIET_SECONDS)
        return self.deadline

    def _check_time(self) -> None:
        now = time.monotonic()
        if self.output.is_answered:
            self._answered_at = self._answered_at or now
            if now >= self._answered_at + QUIET_SECONDS:
                self.output.is_idle = True
                self.events.append("the end of the output was lost")
        if now >= self.deadline and not self.output.is_complete:
            self._step(self.stopped_for or "TIMEOUT")

    async def _disconnected(self) -> None:
        """A message above the size limit closes the connection, and so does the kernel's end."""
        await self.channels.forget_disconnects()
        poller = zmq.asyncio.Poller()
        poller.register(self.provisioner.pidfd, zmq.POLLIN)
        is_killed = self._n_steps > N_INTERRUPTS
        if is_killed or await poller.poll(END_MILLISECONDS):
            self.is_lost = True
        else:
            # The connection is not made again, so nothing more would be heard of this kernel.
            self.stopped_for = self.stopped_for or "OUTPUT_LIMIT"
            self._kill()

    async def _read(self) -> None:
        channels = self.channels
        readers = ((channels.iopub, self.output.published), (channels.shell, self.output.replied))
        for socket, take in readers:
            for _ in range(MESSAGES_PER_TURN):
                try:
                    message = await channels.receive(socket)
                    if message is None:
                        break
                    take(message)
                    if message.size_bytes > LARGE_BYTES:
                        await asyncio.sleep(0)
                except Violation as violation:
                    self._count(violation)

    def _count(self, violation: Violation) -> None:
        self.n_violations += 1
        if self.n_violations <= self.budget.n_violations:
            self.events.append(f"protocol violation: {violation}")
        if self.n_violations == self.budget.n_violations:
            self._kill()

    def _stop(self, reason: SandboxReason) -> None:
        """Begin to stop the code, unless that has begun."""
        if not self.stopped_for:
            self._step(reason)

    def _step(self, reason: SandboxReason) -> None:
        self.stopped_for = self.stopped_for or reason
        self._n_steps += 1
        if self._n_steps <= N_INTERRUPTS:
            self.provisioner.signal(signal.SIGINT)
            self.deadline = time.monotonic() + GRACE_SECONDS
        elif self._n_steps == N_INTERRUPTS + 1:
            self._kill()
        else:
            self.is_lost = True

    def _kill(self) -> None:
        self._n_steps = N_INTERRUPTS + 1
        self.provisioner.cut()
        self.deadline = time.monotonic() + KILL_SECONDS
