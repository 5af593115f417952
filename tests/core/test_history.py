"""What a model is told of what was said before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notebook_agents.core.history import recent
from notebook_agents.core.messages import assistant_message, user_message
from notebook_agents.core.runs import Limits
from notebook_agents.testing import ScriptedEngine, call

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.conftest import Driver

    from notebook_agents.core.core import Core

TALK = [
    user_message("one"),
    assistant_message("1"),
    user_message("two"),
    assistant_message("", (call("python_executor", "a"),)),
    user_message("three"),
]


@pytest.mark.parametrize(
    ("n", "first"), [(0, "three"), (1, "two"), (2, "one"), (9, "one"), (None, "one")]
)
def test_the_last_question_and_so_many_before_it_are_told(n: int | None, first: str) -> None:
    told = recent(TALK, n)
    assert told[0].text == first
    assert told == TALK[len(TALK) - len(told) :]


def test_nothing_was_said_yet() -> None:
    assert recent([], 0) == []


async def test_a_run_tells_as_much_as_it_was_wished(
    make_core: Callable[..., Core], driver: Driver
) -> None:
    engine = ScriptedEngine("1", [call("python_executor", code="2")], "2", "3")
    core = make_core(engine=engine)
    first = await driver.finish(core, "one", limits=Limits(timeout_s=77))
    here = first.conversation_id
    second = await driver.finish(core, "two", conversation_id=here, history=0)
    assert second.limits == Limits(max_history=0)
    await driver.finish(core, "three", conversation_id=here, history=1)
    asked = [[m.text for m in r.messages if m.role == "user"] for r in engine.requests]
    assert asked == [["one"], ["two"], ["two"], ["two", "three"]]
