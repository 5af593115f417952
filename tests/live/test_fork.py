"""Copies of a process, made of a fresh one: threads of other tests would forbid them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from notebook_agents.live.lockdown import MIN_VERSION, landlock_version

CASES = Path(__file__).with_name("cases_of_copies.py")


@pytest.mark.skipif(landlock_version() < MIN_VERSION, reason="needs Landlock")
def test_code_is_tried_in_a_copy() -> None:
    """Every case of ``cases_of_copies.py``."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CASES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
