"""`shell`: a command in the sandbox, its output, and nothing left behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import FrameType

import pytest

from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.tools import shelling
from notebook_agents.tools.registry import Registry
from notebook_agents.tools.shelling import run_command

from .conftest import ToolBench


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_output_exit_code_and_folder_are_those_of_the_command(workspace: Path) -> None:
    (workspace / "a b.txt").write_text("x")
    found = run_command(str(workspace), "ls; echo wrong >&2; exit 3", 5)
    assert (found["output"], found["exit_code"]) == ("a b.txt\nwrong\n", 3)
    assert run_command(str(workspace), "kill -9 $$", 5)["exit_code"] == 137


def test_there_is_nothing_to_read_and_no_terminal(workspace: Path) -> None:
    found = run_command(str(workspace), "read x; echo $?; tty; ps -o tty= -p $$ || true", 5)
    assert found["output"].startswith("1\nnot a tty\n")


@pytest.fixture
def others() -> set[int]:
    """What this process had started before: the workers of other tests."""
    return set(shelling._descendants())


def test_what_a_command_leaves_running_is_ended_with_it(workspace: Path, others: set[int]) -> None:
    started = time.monotonic()
    found = run_command(str(workspace), "setsid sleep 100 & (sleep 100 &) ; echo $!", 20)
    assert found["reason"] == ""
    assert is_gone(int(found["output"]))
    assert set(shelling._descendants()) <= others
    assert time.monotonic() - started < 15


def test_a_process_that_code_of_the_kernel_started_stays(workspace: Path, others: set[int]) -> None:
    pid = os.posix_spawn("/bin/sleep", ["sleep", "100"], {})
    try:
        run_command(str(workspace), "true", 5)
        assert set(shelling._descendants()) - others == {pid}
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_time_and_output_are_bounded_and_what_was_printed_is_kept(
    workspace: Path, others: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = run_command(str(workspace), "trap '' INT TERM; echo early; sleep 100", 1.5)
    assert (late["reason"], late["exit_code"], late["output"]) == ("TIMEOUT", 124, "early\n")
    closed = run_command(str(workspace), "exec >&- 2>&-; sleep 100", 0.3)
    assert closed["reason"] == "TIMEOUT"
    monkeypatch.setattr(shelling, "MAX_PRINTED_BYTES", 1024 * 1024)
    loud = run_command(str(workspace), "echo first; yes", 20)
    assert (loud["reason"], loud["exit_code"]) == ("OUTPUT_LIMIT", 137)
    assert loud["output"].startswith("first\ny\n")
    assert " bytes left out ...\n" in loud["output"]
    assert len(loud["output"]) < 300 * 1024
    assert set(shelling._descendants()) <= others


def test_an_interrupt_ends_the_command(workspace: Path, others: set[int]) -> None:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    handler = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_command(str(workspace), "trap '' INT TERM; sleep 100 & sleep 100", 20)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert set(shelling._descendants()) <= others


async def test_it_runs_in_the_sandbox_without_network_or_other_files(
    confined_tools: ToolBench, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    bench = confined_tools
    (bench.workspace / "a.txt").write_text("hello")
    command = (
        "cat a.txt; cat ../secret.txt; ls /proc/self/root/etc/passwd; cat /proc/net/route; pwd"
    )
    result = await bench.use("shell", command=command)
    assert result.enforced_level == "medium"
    assert result.error_type == ""
    assert result.content.startswith("hellocat: ../secret.txt: No such file")
    assert "/etc/passwd: No such file" in result.content.replace("'", "")
    assert result.content.rstrip().endswith(str(bench.workspace))
    failed = await bench.use("shell", command="echo some; exit 2")
    assert failed.content == "Error: the command ended with exit code 2\nPrinted:\nsome"
    assert (failed.status, failed.error_type) == ("failed", "EXIT_CODE")
    assert failed.value["exit_code"] == 2
    await bench.use("python_executor", code="kept = 1")
    late = await bench.use("shell", command="echo early; sleep 100", timeout=2)
    assert (late.status, late.error_type) == ("timed_out", "TIMEOUT")
    assert "early" in late.content
    assert (await bench.use("python_executor", code="kept")).content == "1"


async def test_without_walls_around_it_nothing_runs(tools: ToolBench) -> None:
    result = await tools.use("shell", command="touch made")
    assert result.error_type == "SANDBOX_REQUIRED"
    assert not (tools.workspace / "made").exists()


@pytest.fixture
def fallen(run_dir: Path, workspace: Path) -> ToolBench:
    sandbox = KernelSandbox(SandboxConfig(run_dir, fallback="low", backends=()))
    return ToolBench(Registry.from_entry_points(sandbox, enabled=["shell"]), workspace, "medium")


async def test_a_deployment_that_falls_back_to_low_runs_none(fallen: ToolBench) -> None:
    assert (await fallen.use("shell", command="true")).error_type == "SANDBOX_REQUIRED"
    await fallen.registry.aclose()


@pytest.fixture
def single(run_dir: Path, workspace: Path) -> ToolBench:
    """Tools within walls that keep code to one process."""
    sandbox = KernelSandbox(SandboxConfig(run_dir, backends=("landlock",)))
    return ToolBench(Registry.from_entry_points(sandbox, enabled=["shell"]), workspace, "medium")


async def test_walls_within_which_nothing_can_be_started_are_named(single: ToolBench) -> None:
    result = await single.use("shell", command="touch made")
    await single.registry.aclose()
    assert result.error_type == "SANDBOX_REQUIRED"
    assert "no child processes" in result.content
    assert not (single.workspace / "made").exists()


def test_it_needs_the_level_that_has_walls(registry: Registry) -> None:
    (spec,) = [spec for spec in registry.specs() if spec.name == "shell"]
    assert (spec.security_level, spec.effect) == ("medium", "external")
