"""Child processes of executions: started, listened to, asked to end, killed with all they started.

A child leads a process group, and so does its kernel, which it tells the number of. The pipe to the
child's input is never written to: that it closes tells the child that its parent has died. On Linux
a guard stands between (`guard`), which also ends daemons that left those groups.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from notebook_agents.core.executors import Job, JobEnd
from notebook_agents.core.spawn import Supervisor
from notebook_agents.tasks.spec import line_from_json

MODULE = "notebook_agents.tasks.child"
TAIL_BYTES = 4000
"""Of a child's log that are kept."""
_LINE_BYTES = 1 << 20
_IS_GUARDED = sys.platform == "linux"
_GUARD = (sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")))


class Child:
    """One child process."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._process: asyncio.subprocess.Process | None = None
        self._kernel = 0
        self._is_stopping = False

    async def run(self, tell: Callable[[bytes], None]) -> JobEnd:
        """Run it to its end; when the awaiting task is cancelled it is killed."""
        supervisor = Supervisor()
        process = self._process = await asyncio.create_subprocess_exec(
            *(_GUARD if _IS_GUARDED else ()),
            *(sys.executable, "-m", MODULE, self._job.folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(self._job.environment),
            cwd=self._job.folder,
            start_new_session=True,
            limit=_LINE_BYTES,
        )
        log = bytearray()
        reading = supervisor.spawn(self._read_log(process, log), name="log of an execution")
        try:
            if self._is_stopping:
                self._signal(signal.SIGTERM)
            await self._read_lines(process, tell)
            await process.wait()
            await reading
        finally:
            self.kill()  # what a kernel started lives on in its group, however that one ended
            await process.wait()
            await supervisor.aclose()
        return JobEnd(exit_code=process.returncode, detail=log.decode(errors="replace").strip())

    def interrupt(self) -> None:
        """Ask it to write what there is and end."""
        self._is_stopping = True
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and its kernel at once."""
        self._signal(signal.SIGKILL)
        if self._kernel:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._kernel, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                if number == signal.SIGKILL and _IS_GUARDED:
                    process.send_signal(signal.SIGUSR1)
                    process.send_signal(signal.SIGCONT)  # a cell may have stopped it
                elif number == signal.SIGKILL:
                    os.killpg(process.pid, number)
                else:
                    process.send_signal(number)

    async def _read_lines(
        self, process: asyncio.subprocess.Process, tell: Callable[[bytes], None]
    ) -> None:
        assert process.stdout is not None, "the pipe was asked for"
        async for text in process.stdout:
            line = line_from_json(text)
            if line is not None and line.type == "kernel":
                self._kernel = line.pid
            tell(text)

    async def _read_log(self, process: asyncio.subprocess.Process, log: bytearray) -> None:
        assert process.stderr is not None, "the pipe was asked for"
        while part := await process.stderr.read(_LINE_BYTES):
            log += part
            del log[:-TAIL_BYTES]


class ProcessExecutor:
    """Answers the Executor port with processes of this machine."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._children: dict[str, Child] = {}

    @property
    def places(self) -> int | None:
        """How many may run at once."""
        return self._places

    async def run(self, job: Job, tell: Callable[[bytes], None]) -> JobEnd:
        """Run the job to its end."""
        child = self._children[job.id] = Child(job)
        try:
            return await child.run(tell)
        finally:
            del self._children[job.id]

    async def stop(self, id: str, *, grace_s: float) -> None:
        """Interrupt a job; kill it when it still runs after ``grace_s``."""
        child = self._children.get(id)
        if child is None:
            return
        child.interrupt()
        asyncio.get_running_loop().call_later(grace_s, self._kill_late, id, child)

    def _kill_late(self, id: str, child: Child) -> None:
        if self._children.get(id) is child:
            child.kill()

    async def aclose(self) -> None:
        """Kill what still runs."""
        for child in tuple(self._children.values()):
            child.kill()
