"""What a copy of the kernel does: give up what it must not touch, run the code, report, end.

It shares open files, sockets and the terminal with the kernel, so it lets go of all of them first.
Its report goes through one pipe, as JSON. It ends by ``os._exit``: nothing is flushed or closed.
"""

from __future__ import annotations

import asyncio
import builtins
import json
import logging
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from notebook_agents.live.changes import differences, snapshot
from notebook_agents.live.describe import head_of
from notebook_agents.live.describe_words import Look
from notebook_agents.live.execution import Outcome, execute
from notebook_agents.live.lockdown import Unprotected, die_with_parent, lock_down
from notebook_agents.live.mirror import Mirror
from notebook_agents.live.result_texts import error_line_of, plain

MAX_OUTPUT_CHARS = 20_000
MAX_CHANGES = 40
MAX_NOTES = 10
MAX_FILE_BYTES = 256 << 20
OWN_HOOKS = "notebook_agents"
DENIED: dict[str, Callable[[tuple[Any, ...]], str]] = {
    "socket.connect": lambda args: f"connect to {args[1]}",
    "socket.bind": lambda args: f"listen on {args[1]}",
    "socket.getaddrinfo": lambda args: f"look up {args[0]}",
    "subprocess.Popen": lambda args: f"run {_command(args[1])}",
    "os.system": lambda args: f"run {_command(args[0])}",
    "os.posix_spawn": lambda args: f"run {_command(args[1])}",
    "os.exec": lambda args: f"run {_command(args[1])}",
    "os.fork": lambda _args: "start another process",
    "os.forkpty": lambda _args: "start another process",
    "os.kill": lambda args: f"send a signal to process {args[0]}",
    "webbrowser.open": lambda args: f"open {args[0]} in a browser",
}
"""What Python tells of before it happens, and the words for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the copy is to do."""

    shell: Any
    code: str
    seconds: float
    memory_bytes: int
    folder: str
    scratch: str
    pipe: int
    random_state: Any


def run(task: Task) -> None:
    """Everything between the fork and the end of the copy; does not return."""
    try:
        _let_go(task.pipe)
        report = _report(task)
    except Unprotected as missing:
        report = {"refusal": str(missing)}
    except MemoryError:
        report = {"stopped": "MEMORY_LIMIT"}
    except BaseException as error:  # noqa: BLE001 - the copy must end here whatever happened
        report = {"refusal": f"the copy failed ({type(error).__name__}: {error})"}
    try:
        _send(task.pipe, report)
    finally:
        os._exit(0)


def _let_go(pipe: int) -> None:
    """Leave the kernel's signals, loop, terminal, files and sockets alone from here on."""
    signal.set_wakeup_fd(-1)
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(kind, signal.SIG_DFL)
    os.setsid()
    die_with_parent()
    asyncio._set_running_loop(None)
    asyncio.set_event_loop(None)
    open_files = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    null = os.open(os.devnull, os.O_RDWR)
    dead = os.open("/", os.O_PATH)
    for number in open_files:
        if number not in (pipe, null, dead):
            # Not closed: a file that the code opens must not get the number of one of the kernel's.
            os.dup2(null if number <= 2 else dead, number, inheritable=False)


def _report(task: Task) -> dict[str, Any]:
    mirror = Mirror(source=Path(task.folder), scratch=Path(task.scratch) / "folder")
    mirror.scratch.mkdir()
    mirror.fill()
    os.chdir(mirror.scratch)
    _set_limits(task)
    _prepare_python(task)
    lock_down(task.scratch)
    notes: list[str] = []
    _listen(notes)
    names = _variables(task.shell)
    before, started = snapshot(names), time.monotonic()
    outcome = execute(task.shell, task.code, is_shown=False)
    duration_s = time.monotonic() - started
    after = _variables(task.shell)
    found = differences(before, snapshot(after))
    here = str(mirror.scratch)
    return {
        "changes": [_change(change, after) for change in found][:MAX_CHANGES],
        "output": _text(plain(outcome.output), here, task.folder)[:MAX_OUTPUT_CHARS],
        "figures": [asdict(figure) for figure in outcome.figures],
        "error": _text(error_line_of(outcome), here, task.folder) if outcome.error_name else "",
        "error_line": outcome.error_line,
        "files": [asdict(file) for file in mirror.changes()],
        "stopped": "MEMORY_LIMIT" if outcome.error_name == "MemoryError" else "",
        "notes": [*dict.fromkeys(notes)][:MAX_NOTES] + _denied(outcome, here),
        "duration_s": duration_s,
    }


def _set_limits(task: Task) -> None:
    with Path("/proc/self/statm").open() as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    seconds = int(task.seconds) + 1
    limits = {
        resource.RLIMIT_AS: used + task.memory_bytes,
        resource.RLIMIT_CPU: seconds * (os.cpu_count() or 1),
        resource.RLIMIT_FSIZE: MAX_FILE_BYTES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (value, value))


def _prepare_python(task: Task) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    random.setstate(task.random_state)  # a fork seeds it anew; the real run will not be
    logging.raiseExceptions = False
    builtins.input = _no_answer
    for callbacks in task.shell.events.callbacks.values():
        callbacks[:] = [c for c in callbacks if not c.__module__.startswith(OWN_HOOKS)]
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)  # its pool of threads has stayed with the kernel


def _no_answer(*_words: object) -> str:
    raise EOFError("nobody can be asked in a dry run")


def _listen(notes: list[str]) -> None:
    """Say in words what the kernel refuses, before it does."""

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if (words := DENIED.get(event)) is not None:
            told = f"it would {words(args)}; a dry run does not"
            notes.append(told)
            raise PermissionError(told)

    sys.addaudithook(hook)


def _command(words: Any) -> str:
    text = " ".join(map(str, words)) if isinstance(words, list | tuple) else str(words)
    return text[:200]


def _variables(shell: Any) -> dict[str, Any]:
    hidden = shell.user_ns_hidden
    return {
        name: value
        for name, value in list(shell.user_ns.items())
        if not name.startswith("_") and hidden.get(name, hidden) is not value
    }


def _change(change: Any, names: dict[str, Any]) -> dict[str, str]:
    text = head_of(names[change.name], Look()) if change.kind == "new" else change.text
    return {"name": change.name, "kind": change.kind, "text": text}


def _text(text: str, scratch: str, folder: str) -> str:
    return text.replace(scratch, folder)


def _denied(outcome: Outcome, scratch: str) -> list[str]:
    """What Landlock kept from being written, which only the error tells."""
    is_write = outcome.error_name in ("PermissionError", "OSError")
    if not is_write or "dry run" in outcome.error_message or scratch in outcome.error_message:
        return []
    return ["outside the notebook's folder, and in large files, a dry run writes nothing"]


def _send(pipe: int, report: dict[str, Any]) -> None:
    data = json.dumps(report, default=str).encode()
    while data:
        data = data[os.write(pipe, data) :]
