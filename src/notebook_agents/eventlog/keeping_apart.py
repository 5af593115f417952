"""The keeping of a log in a process of its own.

What a compaction takes of memory goes back to the system with the process, whoever serves requests
meanwhile keeps the interpreter to itself, and the end of a server need not wait: a keeper may be
killed at any point.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from notebook_agents.core.errors import Conflict, NotebookAgentsError, StorageUnavailable
from notebook_agents.core.log_keeping import (
    IDLE_S,
    CompactionReport,
    LogFault,
    LogSizes,
    OwnerSize,
    Prune,
)

_KIND = re.compile(r"^[\w.]*?(\w+(?:Error|Exception|Interrupt))\b", re.MULTILINE)
NICENESS = 10
"""Everybody else comes first."""


class KeepingApart:
    """Answers the LogKeeping port by asking a process; used on threads."""

    def __init__(self, home: Path, archive: str = "") -> None:
        """Keep the log of ``home``; nothing is started yet."""
        self._asked = {"home": str(home), "archive": archive}
        self._lock = threading.Lock()
        self._working: set[subprocess.Popen[bytes]] = set()
        self._is_stopped = False

    def compact(self, idle_s: float = IDLE_S) -> CompactionReport:
        """Close segments and move their events into Parquet files."""
        return CompactionReport(**self._ask("compact", idle_s=idle_s))

    def verify(self) -> Sequence[LogFault]:
        """Read everything and tell what is wrong."""
        return [LogFault(**fault) for fault in self._ask("verify")]

    def prune(self, wish: Prune) -> int:
        """Remove old events that are in Parquet files; returns how many."""
        return int(self._ask("prune", wish=asdict(wish)))

    def forget(self, owner_id: str) -> int:
        """Remove every event of an owner; returns how many."""
        return int(self._ask("forget", owner_id=owner_id))

    def sizes(self) -> LogSizes:
        """How much there is."""
        told = self._ask("sizes")
        owners = tuple(OwnerSize(**_with_moments(owner)) for owner in told.pop("owners"))
        return LogSizes(**told, owners=owners)

    def stop(self) -> None:
        """End what works, and start nothing any more."""
        with self._lock:
            self._is_stopped = True
            for process in self._working:
                process.kill()

    def _ask(self, verb: str, **given: Any) -> Any:
        asked = json.dumps({**self._asked, "verb": verb, "given": given}, default=_written)
        process = self._start()
        try:
            answer, complaint = process.communicate(asked.encode(errors="surrogateescape"))
        finally:
            with self._lock:
                self._working.discard(process)
            process.kill()  # of no effect once it has ended
        if self._is_stopped:
            raise Conflict("the keeping of the log was stopped")
        try:
            said = json.loads(answer)
        except ValueError:
            # Only what kind of error it was: its words may be about what events say.
            kinds = _KIND.findall(complaint.decode(errors="replace"))
            kind = kinds[-1] if kinds else f"its process ended with {process.returncode}"
            raise StorageUnavailable(f"the event log cannot be kept: {kind}") from None
        if "error" in said:
            raise _raised(said["error"], said["message"])
        return said["answer"]

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_stopped:
                raise Conflict("the keeping of the log was stopped")
            process = subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
                [sys.executable, "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            self._working.add(process)
            return process


def _raised(code: str, message: str) -> NotebookAgentsError:
    """The error that the process met."""
    return Conflict(message) if code == Conflict.code else StorageUnavailable(message)


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else sorted(value)


def _with_moments(told: dict[str, Any]) -> dict[str, Any]:
    moments = {name: datetime.fromisoformat(told[name]) for name in ("first_at", "last_at")}
    return {**told, **moments}


def reply(asked: dict[str, Any]) -> str:
    """What this process says when it has done what was asked."""
    from notebook_agents.eventlog.keeping import EventLogKeeping

    keeping = EventLogKeeping(Path(asked["home"]), asked["archive"])
    given = asked["given"]
    if wish := given.get("wish"):
        sets = {name: frozenset(wish[name]) for name in ("keep", "only", "spare")}
        before = datetime.fromisoformat(wish["before"])
        given = {"wish": Prune(**{**wish, **sets, "before": before})}
    try:
        done = getattr(keeping, asked["verb"])(**given)
    except NotebookAgentsError as error:
        return json.dumps({"error": error.code, "message": error.message})
    return json.dumps({"answer": _told(done)}, default=_written)


def _told(done: Any) -> Any:
    if isinstance(done, int):
        return done
    return [asdict(fault) for fault in done] if isinstance(done, list) else asdict(done)


if __name__ == "__main__":
    if os.name == "posix":
        os.nice(NICENESS)
    sys.stdout.write(reply(json.load(sys.stdin)))
