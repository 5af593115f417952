"""Where control groups can be made is found by doing it; what is in one is bounded and removed."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from notebook_agents.confinement.cgroups import (
    JOIN,
    ControlGroups,
    Group,
    candidates,
    find,
    settings,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux")

V1 = """\
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
22 1 253:0 / / rw,relatime - ext4 /dev/vda rw
"""
V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
SERVICE = "/user.slice/user@1000.service/app.slice/jupyter.scope"


def found(mounts: str, memberships: str) -> list[tuple[list[str], bool]]:
    return [(list(map(str, c.parents)), c.is_unified) for c in candidates(mounts, memberships)]


def test_version_1_has_a_tree_for_each_resource() -> None:
    first, *_ = found(V1, "8:pids:/\n4:memory:/a/b\n0::/\n")
    assert first == (["/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/pids"], False)


def test_version_2_has_one_tree_and_the_group_above_may_do() -> None:
    own = f"/sys/fs/cgroup{SERVICE}"
    assert found(V2, f"0::{SERVICE}\n") == [([own], True), ([str(Path(own).parent)], True)]
    assert found(V2, "0::/\n") == [(["/sys/fs/cgroup"], True)]


@pytest.mark.parametrize("memberships", ["", "0::/../../elsewhere\n", "4:memory:/a\n"])
def test_what_is_not_below_a_mount_is_no_candidate(memberships: str) -> None:
    mounts = V2.replace(" / /sys", " /inner /sys")
    assert found(mounts, memberships) == []


def test_both_versions_are_told_everything() -> None:
    assert settings(False, 5, 7) == {
        "memory.limit_in_bytes": "5",
        "memory.memsw.limit_in_bytes": "5",
        "pids.max": "7",
    }
    assert settings(True, 5, 7) == {
        "memory.max": "5",
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "7",
    }


@pytest.fixture
def groups() -> ControlGroups:
    here = find()
    if here is None:
        pytest.skip("control groups cannot be written here")
    return here


@pytest.fixture
def group(groups: ControlGroups) -> Iterator[Group]:
    made = groups.make(f"test-{secrets.token_hex(4)}", 64 << 20, 8)
    yield made
    assert made.remove()


def run_in(group: Group, code: str) -> subprocess.Popen[bytes]:
    """A process that enters the group and then runs the code."""
    fds = group.join_fds()
    try:
        argv = [sys.executable, "-I", "-S", "-c", f"{JOIN}\n{code}", *map(str, fds)]
        return subprocess.Popen(argv, pass_fds=fds, stdout=subprocess.PIPE)
    finally:
        for fd in fds:
            os.close(fd)


def test_memory_beyond_the_limit_kills_and_is_counted(group: Group) -> None:
    assert group.n_memory_kills() == 0
    with run_in(group, "x = bytearray(200 << 20)") as process:
        assert process.wait(30) == -signal.SIGKILL
    assert group.n_memory_kills() == 1


def test_tasks_beyond_the_limit_are_refused_counted_and_removed_with_the_group(
    group: Group,
) -> None:
    code = """
import time
for n in range(100):
    try:
        if os.fork() == 0: time.sleep(600)
    except OSError: break
print(n, flush=True); time.sleep(600)
"""
    with run_in(group, code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"7\n"
        assert group.n_refused_tasks() == 1
        assert len(group.processes()) == 8
        assert group.remove()
        assert process.wait(30) == -signal.SIGKILL


def test_a_process_can_be_put_in(group: Group) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        group.add(process.pid)
        assert group.processes() == [process.pid]
        assert process.stdin is not None
        process.stdin.write(b"\n")


def test_processor_time_is_bounded_where_it_can_be(groups: ControlGroups) -> None:
    if groups.cpu is None and not groups.is_unified:
        pytest.skip("no tree of processor time can be written here")
    group = groups.make(f"test-{secrets.token_hex(4)}", 64 << 20, 8, n_cpus=0.5)
    try:
        path = group.folders[1] / "cpu.cfs_quota_us" if groups.cpu else group.folders[0] / "cpu.max"
        if not path.exists():
            pytest.skip("the service that this is may not bound processor time")
        assert path.read_text().split()[0] == "50000"
        with run_in(group, "import time; print(1, flush=True); time.sleep(600)") as process:
            assert process.stdout is not None
            process.stdout.readline()
            assert all(str(process.pid) in (f / "cgroup.procs").read_text() for f in group.folders)
            groups.sweep(group.folders[0].name.removeprefix("nba-"))
            assert process.wait(30) == -signal.SIGKILL
    finally:
        assert group.remove()


def test_leftovers_are_found_by_their_names(groups: ControlGroups) -> None:
    name = secrets.token_hex(4)
    left, other = (groups.make(f"{part}", 1 << 20, 1) for part in (f"{name}-a", f"x{name}"))
    groups.sweep(f"{name}-")
    assert not any(folder.exists() for folder in left.folders)
    assert all(folder.exists() for folder in other.folders)
    assert other.remove()


def test_a_name_that_is_taken_is_an_error_and_the_other_stays(groups: ControlGroups) -> None:
    group = groups.make(f"test-{secrets.token_hex(4)}", 1 << 20, 1)
    with pytest.raises(FileExistsError):
        groups.make(group.folders[0].name.removeprefix("nba-"), 1 << 20, 1)
    assert all(folder.exists() for folder in group.folders)
    assert group.remove()


def test_a_tree_of_version_2_without_controllers_still_ends_and_removes() -> None:
    mount = next(
        (Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()
         if " - cgroup2 " in line), None,
    )  # fmt: skip
    if mount is None or not os.access(mount, os.W_OK):
        pytest.skip("no tree of version 2 can be written here")
    group = Group((mount / f"nba-test-{secrets.token_hex(4)}",), is_unified=True)
    group.folders[0].mkdir()
    with run_in(group, "import time; print(1, flush=True); time.sleep(600)") as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert group.processes() == [process.pid]
        assert group.remove()
        assert process.wait(30) == -signal.SIGKILL
