"""What a program of a tool server sees where the deployment hides files in what it shows."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from notebook_agents.mcp.walls import View, arguments

LOOKS = """
cat "$1/secret.txt" "$1/home/agents.sqlite"
ls -A "$1/home"
touch "$1/home/made" && echo made
cat "$1/shown.txt"
touch own && ls
"""


def test_hidden_files_and_folders_are_empty_and_take_nothing(tmp_path: Path) -> None:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("bubblewrap is not installed")
    own = tmp_path / "home" / "programs" / "one"
    own.mkdir(parents=True)
    hidden = (tmp_path / "secret.txt", tmp_path / "home" / "agents.sqlite")
    for path in hidden:
        path.write_text("canary")
    (tmp_path / "shown.txt").write_text("shown\n")
    view = View(hidden=(tmp_path / "home", hidden[0], tmp_path / "none"), folders=[str(tmp_path)])
    command = ["/bin/sh", "-c", LOOKS, "sh", str(tmp_path)]
    done = subprocess.run(
        [bwrap, *arguments(view, own, command, ()), "--", *command],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    if "namespace" in done.stderr:
        pytest.skip(f"no namespaces on this machine: {done.stderr}")
    assert done.stdout.split() == ["programs", "shown", "own"], done.stderr
