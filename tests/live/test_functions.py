"""Functions of the notebook as tools."""

from __future__ import annotations

import _thread
import asyncio
from typing import Any

import pandas as pd
import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.tools import ToolInvocation, ToolResult
from notebook_agents.live.desk import Desk
from notebook_agents.live.functions import Functions


def served(functions: Functions, desk: Desk, name: str, **arguments: Any) -> ToolResult:
    desk.open("c", lambda job: job.do())
    invocation = ToolInvocation(
        call_id="1", name=name, arguments=functions.validate(name, arguments), owner_id="u",
        conversation_id="c", workspace="", level="low", timeout_s=10, memory_bytes=0,
    )  # fmt: skip
    return asyncio.run(functions.run(invocation))


def test_parameters_that_json_cannot_hold_take_a_variable_by_name() -> None:
    frame, desk = pd.DataFrame({"x": [1, 2, 3]}), Desk()

    def total(table: pd.DataFrame, column: str = "x") -> int:
        return int(table[column].sum())

    functions = Functions({"frame": frame}, desk)
    functions.offer("total", total)
    schema = functions.specs()[0].parameters["properties"]
    assert schema["table"] == {
        "type": "string", "description": "the name of a variable of the notebook",
    }  # fmt: skip
    assert served(functions, desk, "total", table="frame").content == "6"
    missing = served(functions, desk, "total", table="fram")
    assert missing.content == "Error: there is no variable 'fram' for table"


def test_what_it_prints_comes_before_what_it_returns() -> None:
    def speak() -> str:
        print("first")  # noqa: T201
        return "second"

    desk = Desk()
    functions = Functions({}, desk)
    functions.offer("speak", speak)
    assert served(functions, desk, "speak").content == "first\nsecond"


def test_an_async_function_is_awaited() -> None:
    async def soon(x: int) -> int:
        await asyncio.sleep(0)
        return x + 1

    desk = Desk()
    functions = Functions({}, desk)
    functions.offer("soon", soon)
    assert served(functions, desk, "soon", x=1).content == "2"


def test_stop_ends_an_async_function_that_waits() -> None:
    async def wait() -> None:
        _thread.interrupt_main()
        await asyncio.Event().wait()

    desk = Desk()
    functions = Functions({}, desk)
    functions.offer("wait", wait)
    with pytest.raises(KeyboardInterrupt):
        served(functions, desk, "wait")


def test_unknown_and_missing_arguments_are_named() -> None:
    functions = Functions({}, Desk())
    functions.offer("area", lambda width, height: width * height)
    with pytest.raises(InvalidRequest, match=r"'height' of area.*takes width, height"):
        functions.validate("area", {"width": 1})
    with pytest.raises(InvalidRequest, match="'depth' of area"):
        functions.validate("area", {"width": 1, "height": 2, "depth": 3})


def test_a_table_it_returns_is_cut() -> None:
    desk = Desk()
    functions = Functions({}, desk)
    functions.offer("rows", lambda: pd.DataFrame({"n": range(10_000)}))
    assert served(functions, desk, "rows").content.count("\n") < 30


def test_secrets_in_what_it_returns_and_raises_are_not_told() -> None:
    def show(is_wrong: bool = False) -> pd.DataFrame:
        if is_wrong:
            raise ValueError("bad login plum-4477")
        print("plum-4477")  # noqa: T201
        return pd.DataFrame({"password": ["other-5588"]})

    desk = Desk()
    functions = Functions({"api_key": "plum-4477"}, desk)
    functions.offer("show", show)
    result = served(functions, desk, "show")
    assert "plum" not in f"{result.content}{result.value}"
    assert "other" not in f"{result.content}{result.value}"
    failed = served(functions, desk, "show", is_wrong=True)
    assert failed.content == "Error: ValueError: bad login [masked]"
    assert failed.error_type == "ValueError"
