"""Plain IPython in a process of its own, as a person would start it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from notebook_agents.magics.advice import BUILT_IN

pytestmark = pytest.mark.slow

SET_UP = """
import asyncio, notebook_agents
from pathlib import Path
from notebook_agents.testing import ScriptedEngine, call, fake_core
engine = ScriptedEngine()
notebook_agents.use_core(fake_core(engine=engine, home=Path("workspaces")))
"""


def ipython(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_a_script_runs_and_shows_plain_text(ipython_home: Path) -> None:
    script = f"{SET_UP}\nr = %agent is it on?\nprint(r.state)\n%agent status\n"
    (ipython_home / "script.ipy").write_text(script)
    done = ipython("--ext=notebook_agents", "script.ipy", cwd=ipython_home)
    assert done.stdout.startswith(f"You said: is it on?\n! {BUILT_IN}\nsucceeded\n")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_failure_is_one_line_on_stderr_and_a_bad_exit(ipython_home: Path) -> None:
    done = ipython("--ext=notebook_agents", "-c", "%agent --nothing x", cwd=ipython_home)
    assert done.returncode != 0
    assert done.stderr == (
        "AgentError: unknown flag --nothing; see: %agent --help "
        "(a prompt that begins with a dash: %agent -- text)\n"
    )
    assert "Traceback" not in done.stdout


class Terminal:
    """A person at a pseudo terminal."""

    def __init__(self, cwd: Path) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            environment = os.environ | {"TERM": "dumb"}
            command = [sys.executable, "-m", "IPython", "--no-banner", "--simple-prompt"]
            os.execve(sys.executable, command, environment)  # noqa: S606 - a pty needs a fork
        self.seen = ""

    def wait_for(self, text: str, *, timeout: float = 30) -> None:
        deadline = time.monotonic() + timeout
        while text not in self.seen:
            assert select.select([self.fd], [], [], deadline - time.monotonic())[0], self.seen
            self.seen += os.read(self.fd, 65536).decode()
        self.seen = self.seen.partition(text)[2]

    def type(self, line: str) -> None:
        os.write(self.fd, f"{line}\n".encode())

    def end(self) -> int:
        self.type("exit")
        while True:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:
                break
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_control_c_stops_the_run_and_the_shell_goes_on(ipython_home: Path) -> None:
    (ipython_home / "set_up.py").write_text(SET_UP)
    terminal = Terminal(ipython_home)
    terminal.wait_for("In [1]:")
    terminal.type("%load_ext notebook_agents")
    terminal.wait_for("In [2]:")
    terminal.type("%run set_up.py")
    terminal.wait_for("In [3]:")
    terminal.type("engine.script = ['Once upon a time']; engine.gate = asyncio.Event()")
    terminal.wait_for("In [4]:")
    terminal.type("%agent -o told tell me a story")
    terminal.wait_for("Once")
    os.kill(terminal.pid, signal.SIGINT)
    terminal.wait_for("[stopped]")
    terminal.wait_for("In [5]:")
    terminal.type("engine.gate = None; told.state")
    terminal.wait_for("'cancelled'")
    terminal.type("%agent go on")
    terminal.wait_for("You said: go on")
    terminal.wait_for("built-in demo model")
    assert terminal.end() == 0


def test_control_c_stops_code_in_the_notebook_and_the_shell_goes_on(ipython_home: Path) -> None:
    (ipython_home / "set_up.py").write_text(SET_UP)
    terminal = Terminal(ipython_home)
    terminal.wait_for("In [1]:")
    terminal.type("%load_ext notebook_agents")
    terminal.wait_for("In [2]:")
    terminal.type("%run set_up.py")
    terminal.wait_for("In [3]:")
    # Written past the screen, which shows printed text only when the call has ended.
    code = r"import os; n = 1; os.write(1, b'begun')\nwhile True: n += 1"
    terminal.type(f"engine.script = [[call('run_in_notebook', code=\"{code}\")]]")
    terminal.wait_for("In [4]:")
    terminal.type("%agent -o told --yes count")
    terminal.wait_for("begun")
    os.kill(terminal.pid, signal.SIGINT)
    terminal.wait_for("[stopped]")
    terminal.wait_for("In [5]:")
    terminal.type("n >= 1, told.state, told.tool_calls[0].status")
    terminal.wait_for("(True, 'cancelled', 'cancelled')")
    assert terminal.end() == 0


def test_a_person_refuses_allows_and_undoes_a_change_and_has_an_error_mended(
    ipython_home: Path,
) -> None:
    (ipython_home / "set_up.py").write_text(SET_UP)
    terminal = Terminal(ipython_home)
    terminal.wait_for("In [1]:")
    terminal.type("%load_ext notebook_agents")
    terminal.wait_for("In [2]:")
    terminal.type("%run set_up.py")
    terminal.wait_for("In [3]:")
    terminal.type("totals = {'north': 1}")
    terminal.wait_for("In [4]:")
    for number, answer in ((4, "n"), (6, "y")):
        terminal.type("%agent --live /python_executor code=\"totals['south'] = 2\"")
        terminal.wait_for("changes totals['south']")
        terminal.wait_for("or say what to do instead:")
        terminal.type(answer)
        terminal.wait_for(f"In [{number + 1}]:")
        terminal.type("sorted(totals)")
        terminal.wait_for("['north']" if answer == "n" else "['north', 'south']")
        terminal.wait_for(f"In [{number + 2}]:")
    terminal.type("%agent undo")
    terminal.wait_for("totals")
    terminal.wait_for("In [9]:")
    terminal.type("sorted(totals)")
    terminal.wait_for("['north']")
    terminal.wait_for("In [10]:")
    terminal.type("totls['north'] + 1")
    terminal.wait_for("NameError")
    terminal.wait_for("In [11]:")
    terminal.type("%agent fix")
    terminal.wait_for("+totals['north'] + 1")
    terminal.wait_for("In [12]:")
    assert terminal.end() == 0
