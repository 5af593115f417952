"""The rewriting of cells, as text; tests/magics/test_kernel.py runs it."""

from __future__ import annotations

import pytest

from notebook_agents.magics.awaiting import add_awaits

LINE = "get_ipython().run_line_magic('agent', 'x')"
AWAITED = "(await get_ipython().run_line_magic('agent_await', 'x'))"


@pytest.mark.parametrize(
    "frame",
    [
        "{}\n",
        "r = {}\n",
        "for i in range(2):\n    {}\n",
        "if True:\n    {}\nelse:\n    {}\n",
        "async def f():\n    {}\n",
        "with open('f') as f:\n    {}\n",
        "try:\n    {}\nfinally:\n    pass\n",
        "def f():\n    async def g():\n        {}\n",
        "s = 'zürich 日本'; {}\n",
    ],
)
def test_calls_are_awaited_where_python_allows_it(frame: str) -> None:
    source = frame.replace("{}", LINE)
    assert add_awaits(source) == frame.replace("{}", AWAITED)
    compile(add_awaits(source), "<cell>", "exec", 0x2000)


@pytest.mark.parametrize(
    "source",
    [
        f"def f():\n    {LINE}\n",
        f"f = lambda: {LINE}\n",
        f"class C:\n    x = {LINE}\n",
        "get_ipython().run_line_magic('agents', 'x')\n",
        "get_ipython().run_line_magic('time', '%agent x')\n",
        "print('run_line_magic(\\'agent\\', 1)')\n",
        "this is no python agent\n",
        "",
    ],
)
def test_everything_else_stays_as_it_is(source: str) -> None:
    assert add_awaits(source) == source


def test_an_await_by_hand_is_not_doubled() -> None:
    by_hand = "await get_ipython().run_line_magic('agent_await', 'x')\n"
    assert add_awaits(by_hand) == by_hand


def test_cell_magics_are_awaited_too() -> None:
    source = "get_ipython().run_cell_magic('agent', '-t 0', 'two\\nlines\\n')\n"
    assert add_awaits(source).startswith("(await get_ipython().run_cell_magic('agent_await', '-t")


def test_an_empty_cell_keeps_its_name_for_the_error_message() -> None:
    source = "get_ipython().run_cell_magic('agent', '', '')\n"
    assert add_awaits(source) == source
