"""A level is available when it really works, and a mechanism that lies is found out."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from notebook_agents.confinement import cgroups
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.probe import probe
from notebook_agents.sandbox.promises import MEMORY, SOFT_MEMORY
from notebook_agents.sandbox.sandbox import KernelSandbox

from .conftest import MakeBench

REFUSING = "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
IGNORING = f"""#!{sys.executable}
import json, os, sys
command = sys.argv[sys.argv.index("--") + 1:]
info = int(sys.argv[sys.argv.index("--info-fd") + 1])
if os.fork() == 0:
    if os.fork() == 0:
        os.execv(command[0], command)
    os.wait()
else:
    children = open(f"/proc/self/task/{{os.getpid()}}/children").read().split()
    os.write(info, json.dumps({{"child-pid": int(children[0])}}).encode())
    os.wait()
"""


def script(folder: Path, text: str) -> str:
    path = folder / "bwrap"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_a_refusing_bubblewrap_is_left_for_landlock_and_both_are_told(tmp_path: Path) -> None:
    config = SandboxConfig(tmp_path, bwrap=script(tmp_path, REFUSING))
    low, medium, high = probe(config)
    assert (low.is_available, medium.backend, high.backend) == (True, "landlock", "landlock")
    refused, without_proc, chosen = medium.mechanisms
    assert refused.missing == without_proc.missing == ("user namespaces",)
    assert refused.evidence == "bwrap: No permissions to create new namespace"
    assert refused.remedy
    assert chosen.is_available
    assert "own process, IPC and host name spaces" not in medium.enforces


def test_where_no_mechanism_works_the_levels_say_what_each_lacks(tmp_path: Path) -> None:
    bwrap = script(tmp_path, REFUSING)
    config = SandboxConfig(tmp_path, bwrap=bwrap, backends=("namespaces", "namespaces-noproc"))
    _, medium, high = probe(config)
    assert (medium.is_available, high.is_available) == (False, False)
    assert medium.missing == ("user namespaces",)
    assert medium.evidence == "bwrap: No permissions to create new namespace"
    assert medium.remedy


def test_a_second_filter_that_does_not_hold_ends_high_and_landlock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notebook_agents.sandbox.probe.SEAL_CHECK", os.devnull)
    _, medium, high = probe(SandboxConfig(tmp_path), everything=True)
    assert (medium.backend, high.is_available) == ("namespaces", False)
    assert [tried.is_available for tried in medium.mechanisms] == [True, True, False]
    assert set(high.missing) == {"late system call filter"}


def test_the_mechanisms_of_this_machine_each_work_for_both_levels(
    tmp_path: Path, medium_works: None
) -> None:
    _, medium, high = probe(SandboxConfig(tmp_path), everything=True)
    assert [tried.backend for tried in medium.mechanisms] == [
        *("namespaces", "namespaces-noproc", "landlock"),
    ]
    assert medium.has_children or medium.backend == "landlock"
    assert not high.has_children


async def test_a_bubblewrap_that_confines_nothing_is_found_out(
    make_bench: MakeBench, tmp_path: Path, workspace: Path
) -> None:
    bench = make_bench("medium", bwrap=script(tmp_path, IGNORING), backends=("namespaces",))
    with pytest.raises(SandboxUnavailable) as caught:
        await bench.run("open('marker', 'w')")
    assert "net namespace" in caught.value.details["missing"]
    assert not (workspace / "marker").exists()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_are_refused_and_pointed_to_linux(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delattr(os, "pidfd_open")
    for report in probe(SandboxConfig(Path("unused")))[:2]:
        assert not report.is_available
        assert "Linux" in report.remedy


def test_reports_name_what_is_missing(medium_works: None) -> None:
    for report in probe(SandboxConfig(Path("unused"))):
        assert report.missing
        assert report.is_available == bool(report.enforces)


def test_the_limit_of_memory_is_told_as_it_is_kept(
    tmp_path: Path, medium_works: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SandboxConfig(tmp_path, backends=("namespaces",))
    monkeypatch.setattr(cgroups, "find", lambda: cgroups.ControlGroups((tmp_path,)))
    for report in probe(config):
        assert MEMORY["cgroup"] in report.enforces
        assert (SOFT_MEMORY in report.missing, report.remedy) == (False, "")
    monkeypatch.setattr(cgroups, "find", lambda: None)
    low, medium, high = probe(config)
    for report in (low, medium):
        assert SOFT_MEMORY in report.missing
        assert "control group" in report.remedy
        assert not set(MEMORY.values()) & set(report.enforces)
    assert MEMORY["sealed-rlimit"] in high.enforces
    assert (SOFT_MEMORY in high.missing, high.remedy) == (False, "")


def test_where_memory_must_be_hard_the_sealed_mechanism_takes_the_place(
    tmp_path: Path, medium_works: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "find", lambda: None)
    _, medium, high = probe(SandboxConfig(tmp_path, allow_soft_memory=False))
    assert (medium.backend, high.backend) == ("landlock", "namespaces")
    assert medium.mechanisms[0].missing == ("hard memory limit",)
    assert "sandbox_allow_soft_memory" in medium.mechanisms[0].remedy


async def test_the_fallback_holds_where_memory_must_be_hard_and_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, medium_works: None
) -> None:
    monkeypatch.setattr(cgroups, "find", lambda: None)
    config = SandboxConfig(tmp_path, backends=("namespaces",), allow_soft_memory=False)
    strict, falling = KernelSandbox(config), KernelSandbox(replace(config, fallback="low"))
    assert not (await strict.levels())[1].is_available
    with pytest.raises(SandboxUnavailable, match="hard memory limit"):
        await strict.resolve("medium")
    assert await falling.resolve("medium") == "low"
    for sandbox in (strict, falling):
        await sandbox.aclose()
