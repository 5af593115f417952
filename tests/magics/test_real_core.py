"""A kernel without any server, on the real core: own worker, sandbox, records, and a clean end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.magics.conftest import Kernel

pytestmark = pytest.mark.slow


def test_a_prompt_is_answered_recorded_and_nothing_outlives_the_kernel(
    ipython_home: Path, own_kernel: Kernel
) -> None:
    own_kernel.run("%unload_ext notebook_agents\n%load_ext notebook_agents")
    own_kernel.run(f"%env NOTEBOOK_AGENTS_HOME={ipython_home.parent / 'home'}")
    [shown] = own_kernel.run("answer = %agent Use python to compute 12345*6789").displays().values()
    assert shown[0] == "<small>Starting…</small>"
    assert any("Loading model" in text for text in shown)
    assert "The result is 83810205" in shown[-1]
    assert own_kernel.run("answer.tool_calls[0].result.strip()").value() == "'83810205'"

    own_kernel.run("import pandas; df = pandas.DataFrame({'price': [1.5, 2.5], 'qty': [1, 2]})")
    own_kernel.run("%agent reset")
    [shown] = own_kernel.run("%agent What is the mean of price in df?").displays().values()
    assert "> 2.0\n" in shown[-1]

    recorded = own_kernel.run("%agent sql SELECT dialect, status, tool_calls FROM v_runs").value()
    assert re.search(r"magic\s+succeeded\s+1\n1\s+magic\s+succeeded\s+1$", recorded)

    status = own_kernel.run("%agent status").value()
    worker = psutil.Process(int(re.search(r"pid (\d+)", status)[1]))  # type: ignore[index]
    process = psutil.Process(int(own_kernel.run("import os; os.getpid()").value()))
    family = [worker, *process.children(recursive=True)]
    own_kernel.client.shutdown()
    process.wait(timeout=20)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
