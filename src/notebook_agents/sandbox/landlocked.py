"""Levels without namespaces: Landlock over the same files, no capabilities, a single process.

For pods and machines that block user namespaces. The mechanism cannot hide, only deny; it sees
neither attributes of files nor signals nor other processes. What it does not see is left to filters
of system calls, of which the second, put on before the first line of somebody's code, ends all
sockets and the making of processes. So tools that start programs do not run here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from notebook_agents.confinement import landlock
from notebook_agents.confinement.landlock import Place
from notebook_agents.sandbox import proctree
from notebook_agents.sandbox.fileview import (
    ETC_FILES,
    PROC_FILES,
    SYS_FOLDERS,
    USR_MERGED,
    covered_entries,
    interpreter_folders,
    package_folders,
)
from notebook_agents.sandbox.plan import Launch, LaunchPlan, Scratch
from notebook_agents.sandbox.selfcheck import lacks_of

CONFINE = str(Path(__file__).resolve().with_name("confine.py"))
MAKE_SOCKET, MAKE_DEVICES = 1 << 9, (1 << 6) | (1 << 11)
READ, RUN = landlock.READ, landlock.READ | landlock.EXECUTE
READ_WRITE = landlock.READ_FILE | landlock.WRITE_FILE
CHANGE = landlock.all_rights(landlock.MIN_VERSION) & ~(landlock.EXECUTE | MAKE_DEVICES)
"""Whatever can be done to files, but making devices and running."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


class LandlockBackend:
    """Runs the kernel as a single process that Landlock and filters confine."""

    name = "landlock"
    has_own_network = False

    def prepare(self, plan: LaunchPlan, command: list[str]) -> Launch:
        """The command behind a program that confines itself first."""
        home, tmp = plan.run_dir / "home", plan.run_dir / "tmp"
        for folder in (home, tmp):
            folder.mkdir(mode=0o700, exist_ok=True)
        places = [(place.path, place.rights) for place in _places(plan)]
        argv = [sys.executable, "-I", "-S", CONFINE, json.dumps(places), "--", *command]
        return Launch(argv=argv, env=Scratch(str(home), str(tmp)).environment())

    def find_kernel(self, launch: Launch, guard_pid: int) -> int | None:  # noqa: ARG002
        """The guard's first child: the program becomes the kernel."""
        return next(iter(proctree.children(guard_pid)), None)

    def verify(self, kernel_pid: int, plan: LaunchPlan) -> tuple[str, ...]:
        """Compare the kernel's status with what was asked for."""
        return lacks_of(kernel_pid, plan, namespaces=())


def _places(plan: LaunchPlan) -> Iterator[Place]:
    """What may be done where; the order means nothing, rights add up."""
    merged = [f"/{name}" for name in USR_MERGED if not Path("/", name).is_symlink()]
    interpreter = interpreter_folders()
    packages = package_folders(plan.packages, interpreter)
    shown = [*interpreter, *packages]
    # Python finds a package by listing the folder that it lies in.
    yield from (Place(str(path.parent), landlock.READ_DIR) for path in packages)
    yield from (Place(str(path), RUN) for path in ("/usr", *merged, *shown))
    yield from (Place(path) for path in (*ETC_FILES, *PROC_FILES, *SYS_FOLDERS))
    yield Place("")
    yield from (Place(path, READ_WRITE) for path in DEVICES)
    yield Place(str(plan.connection_file), landlock.READ_FILE)
    yield Place(str(plan.socket_folder), READ | MAKE_SOCKET)
    yield from (Place(str(plan.run_dir / name), CHANGE) for name in ("home", "tmp"))
    yield from _staged(plan) if plan.is_staged else _workspace(plan)


def _staged(plan: LaunchPlan) -> Iterator[Place]:
    yield Place(str(plan.folder))
    yield Place(str(plan.outputs), CHANGE)


def _workspace(plan: LaunchPlan) -> Iterator[Place]:
    """The whole folder where it may be changed; else without what must not be seen.

    Nothing can be taken out of a folder that is shown, so its entries are shown one by one where
    some are not to be read. Their names can be listed all the same.
    """
    if plan.is_writable:
        yield Place(str(plan.workspace), CHANGE)
        return
    covered = set(covered_entries(plan.workspace, plan.private))
    if not covered:
        yield Place(str(plan.workspace))
        return
    yield Place(str(plan.workspace), landlock.READ_DIR)
    yield from (Place(str(path)) for path in _uncovered(plan.workspace, covered))


def _uncovered(folder: Path, covered: set[Path]) -> Iterator[Path]:
    for path in folder.iterdir():
        if path in covered or path.is_symlink():
            continue
        if any(other.is_relative_to(path) for other in covered):
            yield from _uncovered(path, covered)
        else:
            yield path
