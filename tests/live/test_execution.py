"""Code runs in the notebook as a cell does, and leaves the person's history alone."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from typing import Any

import pytest

from notebook_agents.core.figures import PLOTLY, PNG
from notebook_agents.live.execution import execute

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6"
    "kgAAAABJRU5ErkJggg=="
)


def test_it_sees_and_changes_the_variables_and_gives_the_last_value(shell: Any) -> None:
    shell.user_ns["x"] = 40
    outcome = execute(shell, "print('sum')\ny = x + 2\ny")
    assert (outcome.output, outcome.error_name) == ("sum\n42\n", "")
    assert shell.user_ns["y"] == 42


def test_the_numbers_of_cells_and_their_values_stay_as_they_were(shell: Any) -> None:
    shell.run_cell("'mine'", store_history=True)
    kept = {name: shell.user_ns[name] for name in ("_", "__", "In", "Out")}
    before = (
        shell.execution_count,
        dict(shell.user_ns["Out"]),
        list(shell.user_ns["In"]),
        shell.last_execution_result,
        {n: list(o) for n, o in shell.history_manager.outputs.items()},
    )
    execute(shell, "print('printed')\n'theirs'")
    execute(shell, "1 / 0")
    assert before == (
        shell.execution_count,
        dict(shell.user_ns["Out"]),
        list(shell.user_ns["In"]),
        shell.last_execution_result,
        {n: list(o) for n, o in shell.history_manager.outputs.items()},
    )
    assert all(shell.user_ns[name] is value for name, value in kept.items())


def test_output_comes_as_it_is_printed_and_in_order(shell: Any) -> None:
    heard: list[str] = []
    code = "import sys\nprint('a')\nprint('b', file=sys.stderr)\ndisplay('c')\n'd'"
    outcome = execute(shell, code, on_output=heard.append)
    assert outcome.output == "".join(heard) == "a\nb\n'c'\n'd'\n"


def test_a_semicolon_keeps_the_value_silent(shell: Any) -> None:
    assert execute(shell, "1 + 1;").output == ""


@pytest.mark.parametrize(
    ("code", "name", "line"),
    [
        ("x = 1\nx / 0", "ZeroDivisionError", 2),
        ("def f():\n    return unknown\n\nf()", "NameError", 4),
        ("x = (1", "SyntaxError", 1),
        ("import sys\nsys.exit(3)", "SystemExit", 2),
        ("%nonsense", "UsageError", 1),
    ],
)
@pytest.mark.filterwarnings("ignore:To exit")
def test_an_error_has_its_name_and_the_line_of_the_code(
    shell: Any, capsys: pytest.CaptureFixture[str], code: str, name: str, line: int
) -> None:
    outcome = execute(shell, code)
    found = "SyntaxError" if "SyntaxError" in outcome.error_name else outcome.error_name
    assert (found, outcome.error_line) == (name, line)
    assert capsys.readouterr().err == ""


def test_magics_and_shell_lines_work(shell: Any) -> None:
    outcome = execute(shell, "%who_ls int\nx = !echo hello\nx")
    assert "hello" in outcome.output


@pytest.mark.parametrize("has_loop", [False, True])
def test_a_top_level_await_works_with_and_without_a_running_loop(
    shell: Any, has_loop: bool
) -> None:
    code = "import asyncio\nawait asyncio.sleep(0)\nprint('awaited')\n7"

    async def inside() -> str:
        output = execute(shell, code).output
        await asyncio.sleep(0)
        return output

    text = asyncio.run(inside()) if has_loop else execute(shell, code).output
    assert text == "awaited\n7\n"


def test_pictures_and_plotly_figures_are_kept_for_people(shell: Any) -> None:
    code = f"""
from IPython.display import Image, display
import base64
display(Image(data=base64.b64decode({PIXEL!r})))
display({{{PLOTLY!r}: {{"data": [{{"type": "bar"}}], "layout": {{"title": "Sales"}}}}}}, raw=True)
"""
    outcome = execute(shell, code)
    assert [(f.media_type, f.label) for f in outcome.figures] == [
        (PNG, "picture of 1 by 1 pixels"),
        (PLOTLY, "Sales (bar chart)"),
    ]
    assert outcome.output == ""


def test_threads_and_what_is_shown_meanwhile_are_not_taken_for_output(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code = """
import threading
other = threading.Thread(target=print, args=('of another thread',))
other.start(); other.join()
print('mine')
"""

    def show(text: str) -> None:
        sys.stdout.write(f"<{text.strip()}>")

    outcome = execute(shell, code, on_output=show)
    assert outcome.output == "mine\n"
    assert capsys.readouterr().out == "of another thread\n<mine><>"


def test_an_interrupt_is_an_outcome_with_what_was_printed_before(shell: Any) -> None:
    main = threading.main_thread().ident
    assert main is not None
    shell.user_ns["stop"] = lambda: signal.pthread_kill(main, signal.SIGINT)
    outcome = execute(shell, "print('partial')\nstop()\nwhile True: pass")
    assert outcome.is_stopped
    assert outcome.output == "partial\n"
    assert execute(shell, "1").output == "1\n"
