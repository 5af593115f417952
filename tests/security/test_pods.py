"""The first set of abuse cases in containers as Kubernetes makes them, run by an ordinary user.

S3 is the shape of a restricted pod, S4 that of a pod without a seccomp profile; the third is an
ordinary user of a machine. See `pods`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from . import pods

pytestmark = [pytest.mark.slow]
CASES = sorted(str(file) for file in Path(__file__).parent.glob("test_[a-f]_*.py"))
"""Where the first set is; what the rest is made of takes long to load."""
SHOW = """
from pathlib import Path
from tempfile import mkdtemp
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.probe import probe
print(*(f"{each.level}={each.backend}" for each in probe(SandboxConfig(Path(mkdtemp())))))
"""


@pytest.mark.parametrize(
    ("pod", "backend"),
    [
        ("restricted", "landlock"),
        ("unconfined", "namespaces-noproc"),
        ("unmasked", "namespaces"),
    ],
)
def test_the_first_set_holds_in_a_pod(pod: pods.Pod, backend: str, tmp_path: Path) -> None:
    if not pods.is_available():
        pytest.skip("containers for the test need crun (apt install crun) and root")
    found = pods.run(pod, ["-c", SHOW], tmp_path / "show")
    assert f"medium={backend}" in found.stdout, found.stdout + found.stderr
    options = ["-m", "pytest", "-m", "pod", "-n0", "-q", "-p", "no:cacheprovider"]
    done = pods.run(pod, [*options, *CASES], tmp_path / "cases")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 20  # type: ignore[index]
