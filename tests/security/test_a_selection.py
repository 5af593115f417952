"""A: a level is enforced or refused, whatever is missing, lies, or asks for less."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from notebook_agents.core.errors import InvalidRequest, SandboxUnavailable
from notebook_agents.core.loop import LOW_LEVEL_WARNING
from notebook_agents.magics.status import LOW_LEVEL_WARNING as STATUS_WARNING
from notebook_agents.sandbox import limits
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.probe import probe
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.tools.registry import Registry

from .conftest import MakeBench
from .walls import DRIVER, MIB, Bench

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
WITHOUT_LANDLOCK = f"""
from errno import ENOSYS
from notebook_agents.confinement.filters import Refuse, assemble, install
install(assemble([Refuse(calls=("landlock_create_ruleset",), error=ENOSYS)]))
{DRIVER}
"""


def script(folder: Path, text: str) -> str:
    path = folder / "bwrap"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def alone(code: str, workspace: Path, run_dir: Path, **config: Any) -> str:
    """What a server in a process of its own says to a call that it refuses."""
    call = {
        "key": "c", "owner_id": "o", "workspace": str(workspace), "level": "medium",
        "timeout_s": 20, "memory_bytes": 512 * MIB, "code": "open('marker', 'w')",
    }  # fmt: skip
    told = {"run_dir": str(run_dir), "config": config, "calls": [call]}
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(told), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    return done.stderr + done.stdout


def test_a01_without_any_mechanism_the_refusal_names_all_and_a_remedy(
    bench: Bench, tmp_path: Path
) -> None:
    config = {"bwrap": "no-such-bwrap", "writable_root": None}
    said = alone(WITHOUT_LANDLOCK, tmp_path, bench.run_dir, **config)
    assert "SandboxUnavailable" in said
    for word in ("bubblewrap", "landlock", "no-such-bwrap", "Landlock 3", "apt install bubblewrap"):
        assert word in said, said
    assert not (tmp_path / "marker").exists()


def test_a02_where_namespaces_are_refused_landlock_takes_their_place(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench(bwrap=script(tmp_path, REFUSING))
    outcome = bench.run("attempt('passwd', open, '/etc/passwd'); attempt('fork', os.fork)")
    assert (outcome.reason, outcome.output, outcome.backend) == ("", "", "landlock")
    assert outcome.enforced_level == "medium"
    _, medium, _ = bench.wait(bench.sandbox.levels())
    assert [tried.is_available for tried in medium.mechanisms] == [False, False, True]
    assert "No permissions" in medium.mechanisms[0].evidence
    assert not medium.has_children


def test_a03_a_mechanism_that_does_nothing_is_found_out(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    for backend in ("namespaces", "namespaces-noproc"):
        bench = make_bench(backend, bwrap=script(tmp_path, IGNORING))
        with pytest.raises(SandboxUnavailable) as caught:
            bench.run("open('marker', 'w')")
        missing = caught.value.details["missing"]
        assert "net namespace" in missing
        assert "system call filter" in missing
        assert not (bench.workspace / "marker").exists()


def test_a04_high_is_refused_where_no_limit_of_memory_is_hard(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench("auto", "high", max_tasks=59)  # the machine is looked at before the change
    monkeypatch.setattr(limits, "memory_enforcement", lambda _plan: "watchdog")
    with pytest.raises(SandboxUnavailable) as caught:
        bench.run("open('outputs/marker', 'w')")
    assert "memory" in str(caught.value.details["missing"])


def test_a05_a_lower_level_than_the_floor_is_raised_and_nonsense_refused(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(floor="medium")
    outcome = bench.run("attempt('passwd', open, '/etc/passwd')", level="low")
    assert (outcome.output, outcome.enforced_level) == ("", "medium")
    for nonsense in ("none", "LOW", -1, ["low"], None, ""):
        with pytest.raises(InvalidRequest, match="level"):
            bench.run("1", level=nonsense)


@pytest.fixture
def shadowing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of kernel specifications that takes every name of ours."""
    for name in ("notebook_agents.sandbox", "notebook-agents", "python3"):
        folder = tmp_path / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": ["/bin/false"], "display_name": name, "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    return tmp_path


def test_a06_a08_specifications_and_variables_of_users_change_nothing(
    make_bench: MakeBench, shadowing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "local-provisioner")
    bench = make_bench(max_tasks=58)
    assert bench.output("attempt('passwd', open, '/etc/passwd'); print(len(os.environ) < 40)") == (
        "True\n"
    )
    assert shadowing.is_dir()


def test_a07_configuration_in_a_specification_is_not_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for config in ({}, {"plan": None}, {"network": True, "seccomp": False, "binds": ["/etc"]}):
        stanza = {"provisioner_name": "notebook_agents.sandbox", "config": config}
        manager = KernelManager()
        manager._kernel_spec = KernelSpec(
            argv=["/bin/false"], env={"SECRET": "x"}, display_name="x", language="python",
            metadata={"kernel_provisioner": stanza},
        )  # fmt: skip
        if set(config) - {"plan"}:
            with pytest.raises(Exception, match=r"network|unexpected|unrecognized"):
                manager.start_kernel(cwd=str(bench.workspace))
            continue
        manager.start_kernel(cwd=str(bench.workspace))
        try:
            pid = manager.provisioner.kernel_pid  # type: ignore[union-attr]
            assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
            assert Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
        finally:
            manager.shutdown_kernel(now=True)


def test_a09_a_mechanism_that_goes_away_fails_the_call_and_is_looked_for_again(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    found = shutil.which("bwrap")
    if found is None:
        pytest.skip("bubblewrap is not installed")
    wrapper = script(tmp_path, f'#!/bin/sh\nexec {found} "$@"\n')
    bench = make_bench("namespaces", bwrap=wrapper)
    assert bench.output("print(1)") == "1\n"
    Path(wrapper).unlink()
    with pytest.raises(SandboxUnavailable, match="bubblewrap"):
        bench.run("open('marker', 'w')", key="other")
    with pytest.raises(SandboxUnavailable, match="no program"):
        bench.run("open('marker', 'w')", key="other")
    assert not (bench.workspace / "marker").exists()


def test_a10_fallback_is_said_and_never_goes_from_high_to_low(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notebook_agents.sandbox.probe.SEAL_CHECK", "/dev/null")
    bench = make_bench("namespaces", "medium", fallback="medium", max_tasks=57)
    outcome = bench.run("print(1)", level="high")
    assert (outcome.output, outcome.enforced_level) == ("1\n", "medium")
    assert "high was asked for" in outcome.security_events[0]
    to_low = make_bench("namespaces", "medium", fallback="low", max_tasks=57)
    with pytest.raises(SandboxUnavailable, match="late system call filter"):
        to_low.run("open('marker', 'w')", level="high")


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_a11_other_systems_are_refused_and_pointed_to_linux(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delattr(os, "pidfd_open")
    _, medium, high = probe(SandboxConfig(Path("unused")))
    for report in (medium, high):
        assert not report.is_available
        assert "Linux" in report.remedy
        assert platform in report.evidence


def test_a12_what_is_not_a_sandbox_is_not_called_one() -> None:
    registry = Registry.from_entry_points(KernelSandbox(SandboxConfig(Path("unused"))))
    low, _, _ = probe(SandboxConfig(Path("unused"), backends=()))
    texts = [LOW_LEVEL_WARNING, STATUS_WARNING, *low.enforces, *low.missing]
    for spec in registry.specs():
        texts += [spec.description, json.dumps(spec.parameters)]
    for text in texts:
        words = text.lower().replace("not a sandbox", "")
        assert "sandbox" not in words, text
        assert "secure" not in words, text


def test_a13_an_argument_that_no_tool_has_is_refused() -> None:
    registry = Registry.from_entry_points(KernelSandbox(SandboxConfig(Path("unused"))))
    for extra in ("dangerously_disable_sandbox", "security_level", "level", "sandbox_fallback"):
        with pytest.raises(InvalidRequest, match=extra):
            registry.validate("python_executor", {"code": "print(1)", extra: True})
