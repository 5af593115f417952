"""Tool servers that are programs: started without a shell, in a world of their own, ended whole.

A program has a folder of its own for its home and its work, an environment of a few literal names
and its declared variables, limits (`guardian`, `bounds`) and walls (`walls`). Where no walls can be
put up it is not started, unless the deployment allows that.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.mcp import walls
from notebook_agents.mcp.bounds import Bound, Bounds
from notebook_agents.mcp.walls import View

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

MAX_LINE_BYTES = 4 << 20
"""A message longer than that ends the connection."""
STDERR_BYTES = 8 << 10
"""How much of the end of what it prints is kept."""
END_S = 4.0
GUARDIAN = str(Path(__file__).with_name("guardian.py"))
PROBE_S = 10.0
MAX_WORDS = 200
NO_WALLS = (
    "programs of tool servers run in a sandbox with namespaces, which do not work here: install"
    " bubblewrap and allow user namespaces, use a server at an address, or have an administrator"
    " set mcp_unconfined"
)


class Worlds:
    """What programs are started in: folders below ``root``, behind walls."""

    def __init__(
        self,
        root: Path,
        view: View | None = None,
        *,
        unconfined: bool = False,
        bwrap: str = "bwrap",
    ) -> None:
        self._root = root
        self._view = view or View()
        self._may_be_unconfined = unconfined
        self._bwrap = bwrap
        self.bounds = Bounds(root)

    @cached_property
    def confines(self) -> bool:
        """Whether bubblewrap works here; tried once, blocks."""
        if shutil.which(self._bwrap) is None:
            return False
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        line, descriptors = self._walled(self._root, ["true"], ())
        try:
            tried = subprocess.run(  # noqa: S603 - our own words
                line, check=False, timeout=PROBE_S, capture_output=True, pass_fds=descriptors
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        finally:
            _close(descriptors)
        return tried.returncode == 0

    def prepare(
        self, key: str, command: Sequence[str], named: Sequence[str]
    ) -> tuple[Path, list[str], tuple[int, ...]]:
        """The folder of a program, the line that starts it and what that inherits; blocks.

        Raises SandboxUnavailable where there are no walls and nobody allowed to do without.
        """
        folder = self._root / key
        (folder / "tmp").mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.confines:
            return folder, *self._walled(folder, command, named)
        if not self._may_be_unconfined:
            raise SandboxUnavailable(NO_WALLS, missing=["user namespaces"])
        return folder, list(command), ()

    def remove(self, key: str) -> None:
        """Forget the folder of a program; blocks."""
        shutil.rmtree(self._root / key, ignore_errors=True)

    def _walled(
        self, folder: Path, command: Sequence[str], named: Sequence[str]
    ) -> tuple[list[str], tuple[int, ...]]:
        told = "\0".join(walls.arguments(self._view, folder, command, named))
        seccomp, args = map(walls.memory_file, (walls.filter_program(), told.encode()))
        options = ["--seccomp", str(seccomp), "--args", str(args)]
        return [self._bwrap, *options, "--", *command], (seccomp, args)


@dataclass(slots=True, kw_only=True)
class Program:
    """A program and how it goes."""

    key: str
    """Names its folder: one for each server and user."""
    command: Sequence[str]
    named: Sequence[str] = ()
    """Paths that an administrator gave it; it may read there."""
    variables: Mapping[str, str] = field(repr=False)
    worlds: Worlds
    stderr: bytes = b""
    on_end: Callable[[], None] = field(default=lambda: None)

    @property
    def last_words(self) -> str:
        """The last line that it printed as an error."""
        lines = self.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1].strip()[:MAX_WORDS] if lines else ""


def environment(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Everything that a program finds in its environment."""
    return {
        "PATH": f"{sys.prefix}/bin:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        **variables,
    }


@asynccontextmanager
async def speaking_to(program: Program) -> AsyncGenerator[TransportStreams, None]:
    """Start a program and exchange messages with it; at the end nothing of it is left."""
    from mcp.shared.message import SessionMessage

    process, lifeline, bound = await _start(program)
    to_us, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, to_it = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_listen, process, to_us, program)
            group.start_soon(_talk, process, to_it)
            group.start_soon(_keep_stderr, process, program)
            try:
                yield read, write
            finally:
                group.cancel_scope.cancel()
    finally:
        for stream in (to_us, read, write, to_it):
            stream.close()
        with anyio.CancelScope(shield=True):
            met = "" if bound is None else await asyncio.to_thread(bound.words)
            await _end(process, lifeline, program)
            program.stderr += f"\n({met})".encode() if met else b""
            if bound is not None:  # where its guardian could not
                await asyncio.to_thread(bound.group.remove)


@dataclass(frozen=True, slots=True)
class _Ready:
    """What a process is started with."""

    folder: Path
    command: list[str]
    inherited: tuple[int, ...]
    bound: Bound | None
    joins: tuple[int, ...]

    @property
    def argv(self) -> tuple[str, ...]:
        """Of the guardian, behind its lifeline."""
        folders = "" if self.bound is None else self.bound.folders
        return (",".join(map(str, self.joins)), folders, "--", *self.command)

    def close(self) -> None:
        """Close what only the process needs."""
        _close((*self.inherited, *self.joins))

    def give_up(self) -> None:
        """No process was started; blocks."""
        if self.bound is not None:
            self.bound.group.remove()


def _make_ready(program: Program) -> _Ready:
    prepared = program.worlds.prepare(program.key, program.command, program.named)
    bound = program.worlds.bounds.make()
    return _Ready(*prepared, bound, () if bound is None else bound.group.join_fds())


async def _ready(program: Program) -> _Ready:
    """Make it ready on a thread; what is made while this is cancelled is not left lying about."""
    making = asyncio.get_running_loop().run_in_executor(None, _make_ready, program)
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        await asyncio.wait([making])
        if making.exception() is None:
            making.result().close()
            await asyncio.to_thread(making.result().give_up)
        raise


async def _start(program: Program) -> tuple[asyncio.subprocess.Process, int, Bound | None]:
    ready = await _ready(program)
    held, lifeline = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", GUARDIAN, str(held), *ready.argv),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(ready.folder, program.variables),
            cwd=ready.folder,
            pass_fds=(held, *ready.joins, *ready.inherited),
            start_new_session=True,
            limit=MAX_LINE_BYTES,
        )
    except BaseException:
        os.close(lifeline)
        await asyncio.to_thread(ready.give_up)
        raise
    finally:
        os.close(held)
        ready.close()
    return process, lifeline, ready.bound


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


async def _listen(process: asyncio.subprocess.Process, to_us: Any, program: Program) -> None:
    import mcp_types
    from mcp.shared.message import SessionMessage

    assert process.stdout is not None
    try:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            while line := await process.stdout.readline():
                try:
                    message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                except (ValueError, RecursionError):
                    continue  # what is not a message is noise, such as a greeting
                await to_us.send(SessionMessage(message))
    except ValueError:
        program.stderr += b"\n(a message was longer than 4 MiB)"
    finally:
        to_us.close()
        program.on_end()


async def _talk(process: asyncio.subprocess.Process, to_it: Any) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        async for message in to_it:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(f"{text}\n".encode())
            await process.stdin.drain()


async def _keep_stderr(process: asyncio.subprocess.Process, program: Program) -> None:
    assert process.stderr is not None
    while chunk := await process.stderr.read(STDERR_BYTES):
        program.stderr = (program.stderr + chunk)[-STDERR_BYTES:]


async def _end(process: asyncio.subprocess.Process, lifeline: int, program: Program) -> None:
    """Close its input and let go of its guardian, which ends it."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    os.close(lifeline)
    with anyio.move_on_after(END_S):
        await _drain(process, program)
        await process.wait()
    with suppress(ProcessLookupError):
        process.kill()


async def _drain(process: asyncio.subprocess.Process, program: Program) -> None:
    """Read what is left: a process that is blocked in writing could not end by itself."""
    assert process.stdout is not None
    while await process.stdout.read(1 << 16):
        pass
    await _keep_stderr(process, program)
