"""What the loop does not leave to a model: unknown tools, and the same failure over and over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from notebook_agents.core.core import Core
from notebook_agents.core.events import ApprovalRequested, ToolFinished, Warned
from notebook_agents.core.models import BUNDLED_MODEL, BUNDLED_TOOLS
from notebook_agents.core.runs import ApprovalDecision
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine, ScriptedTools, call

ANN = Actor(user_id="ann", username="ann")
OTHER = "other/model"
MakeCore = Callable[..., Core]


def python_executor(code: str) -> str:
    """Run code."""
    if "bad" in code:
        raise ValueError(f"no {code}")
    return f"ran {code}"


def my_tool(x: int) -> str:
    """Do what only I do."""
    return str(x)


def kinds(events: list[Any], kind: type[Any]) -> list[Any]:
    return [event.body for event in events if isinstance(event.body, kind)]


async def results(driver: Any, core: Core, run: Any) -> list[tuple[str, str]]:
    finished = kinds(await driver.events(core, run), ToolFinished)
    return [(body.error_type, body.content) for body in finished]


async def test_the_built_in_model_is_told_of_its_own_tools_and_the_user_of_the_others(
    make_core: MakeCore, driver: Any
) -> None:
    engine = ScriptedEngine([call("python_executor", code="1")], "It ran.", "Hello")
    tools = ScriptedTools({"python_executor": python_executor, "my_tool": my_tool})
    core = make_core(engine=engine, tools=tools)
    run = await driver.finish(core)
    assert [[tool.name for tool in r.tools] for r in engine.requests] == 2 * [["python_executor"]]
    (warning,) = kinds(await driver.events(core, run), Warned)
    assert warning.code == "tools_not_sent"
    assert "my_tool" in warning.message
    assert "python_executor" not in warning.message
    assert "%agent model" in warning.message
    await core.aclose()


async def test_the_warning_names_few_tools(make_core: MakeCore, driver: Any) -> None:
    many = ScriptedTools({f"tool_{number}": my_tool for number in range(20)})
    core = make_core("Hello", tools=many)
    (warning,) = kinds(await driver.events(core, await driver.finish(core)), Warned)
    assert warning.message.count("tool_") == 8
    assert "and 12 more;" in warning.message
    await core.aclose()


async def test_other_models_are_told_of_all_tools(make_core: MakeCore, driver: Any) -> None:
    engine = ScriptedEngine([call("my_tool", x=3)], "It is 3")
    tools = ScriptedTools({"python_executor": python_executor, "my_tool": my_tool})
    core = make_core(engine=engine, tools=tools)
    run = await driver.finish(core, model=OTHER)
    assert {tool.name for tool in engine.requests[0].tools} == {"python_executor", "my_tool"}
    assert kinds(await driver.events(core, run), Warned) == []
    assert await results(driver, core, run) == [("", "3")]
    await core.aclose()


async def test_the_user_is_told_once_though_the_run_waited_for_approval(
    make_core: MakeCore, driver: Any
) -> None:
    tools = ScriptedTools({"list_files": lambda: "a", "my_tool": my_tool}, {"list_files": "write"})
    core = make_core([call("list_files")], "Done", tools=tools)
    run = await driver.finish(core)
    assert run.state == "waiting_approval"
    decision = ApprovalDecision(call_id=run.pending[0].call.call_id, is_approved=True)
    await core.runs.decide(ANN, run.id, [decision])
    await core.runs.wait(ANN, run.id)
    assert len(kinds(await driver.events(core, run), Warned)) == 1
    await core.aclose()


def test_the_tools_of_the_built_in_model_are_five() -> None:
    assert set(BUNDLED_TOOLS) == {
        "python_executor", "database_query", "file_reader", "list_files", "inspect_variable",
    }  # fmt: skip


async def test_a_failed_call_may_be_tried_again_with_the_error_in_sight(
    make_core: MakeCore, driver: Any
) -> None:
    for model in (BUNDLED_MODEL, OTHER):
        engine = ScriptedEngine(
            [call("python_executor", code="bad")], [call("python_executor", code="good")], "Ran."
        )
        core = make_core(engine=engine, tools=ScriptedTools({"python_executor": python_executor}))
        run = await driver.finish(core, model=model)
        assert run.state == "succeeded"
        assert "no bad" in engine.requests[1].messages[-1].tool_results[0].content
        assert (await results(driver, core, run))[-1] == ("", "ran good")
        await core.aclose()


async def test_the_built_in_model_does_not_fail_twice_in_the_same_way(
    make_core: MakeCore, driver: Any
) -> None:
    tools = ScriptedTools({"python_executor": python_executor})
    core = make_core(
        [call("python_executor", code="bad")],
        [call("python_executor", code="fine")],
        [call("python_executor", code="bad")],
        "It failed.",
        tools=tools,
    )
    run = await driver.finish(core)
    assert [i.arguments["code"] for i in tools.invocations] == ["bad", "fine"]
    error, content = (await results(driver, core, run))[-1]
    assert error == "REPEATED_CALL"
    assert content == "Error: not made again, the same call failed before: ValueError: no bad"
    assert run.text == "It failed."
    await core.aclose()


async def test_the_same_failing_call_is_made_twice_in_a_row_and_no_more(
    make_core: MakeCore, driver: Any
) -> None:
    tools = ScriptedTools({"python_executor": python_executor})
    bad = [[call("python_executor", code="bad")] for _ in range(4)]
    core = make_core(*bad, "It failed.", tools=tools)
    run = await driver.finish(core, model=OTHER)
    assert len(tools.invocations) == 2
    found = await results(driver, core, run)
    assert [error for error, _ in found] == 2 * ["ValueError"] + 2 * ["REPEATED_CALL"]
    assert found[2][1] == "Error: not made again, the same call failed 2 times: ValueError: no bad"
    assert found[3][1].endswith("failed 3 times: ValueError: no bad")
    await core.aclose()


async def test_a_call_may_fail_again_when_something_was_done_in_between(
    make_core: MakeCore, driver: Any
) -> None:
    tools = ScriptedTools({"python_executor": python_executor})
    steps = [[call("python_executor", code=code)] for code in ("bad", "bad", "fix", "bad")]
    core = make_core(*steps, "Enough.", tools=tools)
    run = await driver.finish(core, model=OTHER)
    assert [i.arguments["code"] for i in tools.invocations] == ["bad", "bad", "fix", "bad"]
    assert run.state == "succeeded"
    await core.aclose()


async def test_a_new_question_is_a_new_chance(make_core: MakeCore, driver: Any) -> None:
    tools = ScriptedTools({"python_executor": python_executor})
    bad = [call("python_executor", code="bad")]
    core = make_core(bad, "It failed.", bad, "Again.", tools=tools)
    run = await driver.finish(core)
    await driver.finish(core, conversation_id=run.conversation_id)
    assert len(tools.invocations) == 2
    await core.aclose()


async def test_nobody_is_asked_about_a_call_that_is_not_made(
    make_core: MakeCore, driver: Any
) -> None:
    tools = ScriptedTools({"python_executor": python_executor}, {"python_executor": "write"})
    bad = [[call("python_executor", code="bad")] for _ in range(2)]
    core = make_core(*bad, "It failed.", tools=tools)
    run = await driver.finish(core)
    decision = ApprovalDecision(call_id=run.pending[0].call.call_id, is_approved=True)
    await core.runs.decide(ANN, run.id, [decision])
    run = await core.runs.wait(ANN, run.id)
    assert (run.state, run.text) == ("succeeded", "It failed.")
    assert len(kinds(await driver.events(core, run), ApprovalRequested)) == 1
    await core.aclose()


async def test_nobody_is_warned_about_tools_of_this_package_that_the_model_does_not_know(
    make_core: MakeCore, driver: Any
) -> None:
    """An agent has them unasked; whoever names only such tools is told."""
    both = ScriptedTools({"python_executor": python_executor, "shell": my_tool}, built_in=True)
    engine = ScriptedEngine("Hello", "Hello")
    core = make_core(engine=engine, tools=both)
    run = await driver.finish(core)
    assert [tool.name for tool in engine.requests[0].tools] == ["python_executor"]
    assert kinds(await driver.events(core, run), Warned) == []
    run = await driver.finish(core, tools=("shell",))
    (warning,) = kinds(await driver.events(core, run), Warned)
    assert "shell" in warning.message
    await core.aclose()
