"""A disk that is full is said so, loses nothing that was acknowledged, and is not for ever."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("scripted_server.py")
PRIVATE_MOUNTS = ("unshare", "--user", "--map-root-user", "--mount")


@pytest.fixture(scope="module")
def mounting() -> None:
    """Skip where no file system may be mounted, even in a namespace of its own."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("a small disk for the test needs Linux and unshare (util-linux)")
    trial = [*PRIVATE_MOUNTS, "mount", "-t", "tmpfs", "trial", "/mnt"]
    if subprocess.run(trial, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk for the test needs user namespaces")


def test_a_full_disk_refuses_and_what_was_caught_by_it_comes_to_an_end(
    tmp_path: Path, mounting: None
) -> None:
    done = subprocess.run(
        [*PRIVATE_MOUNTS, sys.executable, str(SCRIPT), "full-disk", str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["before"]["state"] == "succeeded"
    assert {entry["refused"] for entry in found["full"]} == {"StorageUnavailable"}
    assert all("disk is full" in entry["message"] for entry in found["full"])
    assert found["caught"]["state"] in {"failed", "interrupted"}
    assert found["caught"]["is_whole"]
    assert found["caught"]["last"] == "run_finished"
    assert found["after"]["state"] == "succeeded"
    assert found["after"]["is_whole"]
    assert not set(found["states"]) & {"processing", "waiting"}
