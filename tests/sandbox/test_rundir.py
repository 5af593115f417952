"""Folders of servers that were killed are swept, those of living ones are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from notebook_agents.sandbox.rundir import MAX_PREFIX_BYTES, RunDir, sweep

LEAVE = """
import os, sys
from pathlib import Path
from notebook_agents.sandbox.rundir import RunDir
print(RunDir(Path(sys.argv[1])).path, flush=True)
os._exit(0)
"""


def test_a_killed_servers_folder_is_swept_and_a_living_ones_stays(run_dir: Path) -> None:
    argv = [sys.executable, "-c", LEAVE, str(run_dir)]
    left = Path(subprocess.run(argv, capture_output=True, check=True, text=True).stdout.strip())
    assert left.exists()
    first = RunDir(run_dir)
    assert not left.exists()
    second = RunDir(run_dir)
    assert first.path.exists()
    first.close()
    second.close()
    assert not list(run_dir.iterdir())


def test_what_killed_servers_left_is_swept_before_there_is_a_folder(run_dir: Path) -> None:
    living = RunDir(run_dir)
    argv = [sys.executable, "-c", LEAVE, str(run_dir)]
    subprocess.run(argv, capture_output=True, check=True)
    assert len(list(run_dir.iterdir())) == 2
    sweep(run_dir)
    assert list(run_dir.iterdir()) == [living.path]
    living.close()
    sweep(run_dir / "missing")


def test_folders_are_private(run_dir: Path) -> None:
    folder = RunDir(run_dir)
    assert folder.path.stat().st_mode & 0o077 == 0
    assert folder.make().stat().st_mode & 0o077 == 0
    folder.close()


def test_a_path_too_long_for_a_socket_is_replaced(run_dir: Path) -> None:
    folder = RunDir(run_dir / ("x" * MAX_PREFIX_BYTES))
    assert len(str(folder.make() / "k-1")) < 100
    folder.close()
