"""A holder lives exactly as long as its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from notebook_agents.store.holders import Holders

_HOLDER = """
import sys
from pathlib import Path
from notebook_agents.store.holders import Holders
print(Holders(Path(sys.argv[1])).own, flush=True)
sys.stdin.read()
"""


def test_a_holder_dies_with_its_process(tmp_path: Path) -> None:
    own = Holders(tmp_path)
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    name = other.stdout.readline().strip()
    assert own.is_alive(name)
    assert own.is_alive(own.own)
    other.kill()
    other.communicate(timeout=30)
    assert not own.is_alive(name)
    assert not own.is_alive("")
    own.close()


def test_leftovers_are_swept_and_other_machines_are_trusted(tmp_path: Path) -> None:
    (tmp_path / "here_1_x.lock").touch()
    own = Holders(tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    assert own.is_alive("another-machine:12:abc")
    own.close()
    assert list(tmp_path.iterdir()) == []
