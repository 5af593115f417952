"""P12 and P13: parameters of notebooks are data, and dry runs leave nothing behind."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from papermill.parameterize import parameterize_notebook

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.substitution import is_name, substitute
from notebook_agents.live.lockdown import MIN_VERSION, landlock_version
from notebook_agents.tasks.preparing import prepare

VALUES: list[Any] = [
    'x"); import os; os.system("touch harmed")',
    "x'); __import__('os').system('id') #",
    '"""\nimport os\n"""',
    "\\'; import os #",
    "line\nimport os\r\nimport sys\u2028import os\x0bimport os",
    "{{ api_key }} {% raw %} ${HOME} $(id) `id` %system id\n!id\n%%bash",
    "\u202eimport os\x00\x1b",
    "\\N{LATIN SMALL LETTER A}\\x41\\",
    {"a'\nimport os": ['"); f()', {"b": None}]},
    [1.5, True, None, -(10**30)],
]


def test_p12_a_parameter_appears_as_a_literal_whatever_it_says() -> None:
    v4: Any = nbformat.v4
    cell = v4.new_code_cell("value = ''", metadata={"tags": ["parameters"]})
    evil = {"kernelspec": {"name": "evil", "display_name": "Evil"}}
    book = v4.new_notebook(cells=[cell], metadata=evil)
    for value in VALUES:
        prepared = prepare(book)
        prepared.metadata["papermill"] = {}
        made = parameterize_notebook(prepared, {"value": value}, language="python")
        [given] = [c for c in made.cells if "injected-parameters" in c.metadata.tags]
        [statement] = ast.parse(given.source).body
        assert isinstance(statement, ast.Assign)
        assert ast.unparse(statement.targets[0]) == "value"
        assert ast.literal_eval(statement.value) == value
        assert made.metadata.kernelspec["name"] == "python3"


def test_p12_a_value_in_a_prompt_is_text_and_a_name_is_a_name() -> None:
    for value in VALUES[:8]:
        assert substitute("about {{value}}", {"value": value}) == f"about {value}"
    for name in ("a;b", "a b", "import os", "a\n", "__class__", "self", "a.b", "a[0]", "", "é"):
        assert not is_name(name), name
    with pytest.raises(InvalidRequest):
        substitute("{{value}} {{v\u0430lue}}", {"value": "x"})
    assert json.loads(json.dumps(VALUES)) == VALUES


DRY_RUN = """
import os, sys
from IPython.core.interactiveshell import InteractiveShell
from notebook_agents.live.fork import Limits, rehearse
from traitlets.config import Config
config = Config({"HistoryManager": {"enabled": False}})
shell = InteractiveShell.instance(config=config)
shell.user_ns |= {"elsewhere": sys.argv[1], "port": int(sys.argv[2])}
rehearsal = rehearse(shell, sys.stdin.read(), Limits(seconds=10, memory_bytes=2 << 30))
rehearsal.ended.result(20)
print(rehearsal.preview().output)
"""
HARM = """
import ctypes, os, shutil, socket, subprocess
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, work):
    try: work()
    except BaseException as error: return
    print('did', name)
attempt('write', lambda: open(elsewhere, 'w').write('changed'))
attempt('append', lambda: os.write(os.open(elsewhere, os.O_WRONLY | os.O_APPEND), b'x'))
attempt('remove', lambda: os.remove(elsewhere))
attempt('rename', lambda: os.rename(elsewhere, elsewhere + '2'))
os.chmod(elsewhere, 0o777)  # pretends to work, as copying a file ends with it
attempt('run', lambda: subprocess.run(['touch', elsewhere + '3'], check=True))
attempt('system', lambda: os.system(f'touch {elsewhere}4') and 1 / 0)
attempt('fork', os.fork)
attempt('kill', lambda: os.kill(os.getppid(), 0))
attempt('connect', lambda: socket.create_connection(('127.0.0.1', port), 1))
made = [libc.creat(elsewhere.encode() + b'5', 0o600), libc.socket(2, 1, 0), libc.fork()]
print(made, 'end')
"""


@pytest.mark.skipif(landlock_version() < MIN_VERSION, reason="needs Landlock")
def test_p13_a_dry_run_reaches_nothing_outside_its_copy(tmp_path: Path) -> None:
    outside, work = tmp_path / "outside", tmp_path / "work"
    outside.mkdir()
    work.mkdir()
    kept = outside / "kept"
    kept.write_text("kept")
    kept.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        command = [sys.executable, "-c", DRY_RUN, str(kept), port]
        done = subprocess.run(
            command, input=HARM, cwd=work, capture_output=True, text=True, timeout=60,
            env=os.environ | {"IPYTHONDIR": str(tmp_path / "ipython")},
        )  # fmt: skip
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert done.stdout.strip() == "[-1, -1, -1] end", done.stdout + done.stderr
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("kept", 0o600)
    assert [path.name for path in outside.iterdir()] == ["kept"]
    assert list(work.iterdir()) == []
