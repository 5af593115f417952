"""Data frames are copied to where the agent's tools can see them."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from notebook_agents.core.conversations import Conversation
from notebook_agents.core.ports import Query
from notebook_agents.core.tools import SandboxOutcome
from notebook_agents.magics.context import frames_line, words_of
from notebook_agents.magics.lending import MAX_LENT_BYTES, frames_in_question, pack

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell

ORDERS = pd.DataFrame({"price": [1.5, None], "city": ["Bern", "Zürich"]})


class Unreadable:
    """Can be written but not read again."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return int, ("no number",)


def defined_by(code: str) -> dict[str, Any]:
    """What the code leaves behind in a fresh namespace."""
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own code
    return {name: value for name, value in names.items() if not name.startswith("__")}


def test_the_code_defines_equal_copies_and_nothing_else() -> None:
    names = defined_by(pack({"orders": ORDERS}).code)
    assert list(names) == ["orders"]
    pd.testing.assert_frame_equal(names["orders"], ORDERS)


def test_what_does_not_fit_or_cannot_be_copied_is_said() -> None:
    large = pd.DataFrame({"x": range(MAX_LENT_BYTES // 4)})
    odd = pd.DataFrame({"f": [lambda: 0]})
    loan = pack({"large": large, "orders": ORDERS, "odd": odd})
    assert list(loan.digests) == ["orders"]
    assert [note.split(":")[0] for note in loan.notes] == [
        "the tools do not see large",
        "the tools do not see odd",
    ]
    assert pack({"odd": odd}).code == ""


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("the mean of price in df?", ["df"]),
        ("is df2 larger than df?", ["df", "df2"]),
        ("the mean price?", ["df2"]),
    ],
)
def test_a_frame_of_two_names_is_lent_and_told_under_those_that_the_prompt_uses(
    question: str, names: list[str]
) -> None:
    namespace = {"df": ORDERS, "df2": ORDERS}
    assert list(frames_in_question(question, namespace, ())) == names
    told = "; ".join(f"{name}(price, city)" for name in names)
    assert frames_line(namespace, wanted=words_of(question)) == f"Dataframes: {told}"


def test_a_name_that_was_lent_stays_lent_beside_a_new_one() -> None:
    namespace = {"df": ORDERS, "df2": ORDERS}
    assert list(frames_in_question("and df2?", namespace, ["df"])) == ["df", "df2"]


@pytest.mark.parametrize("question", ["rows of orders?", "the mean PRICE", "{orders} is what?"])
def test_a_prompt_about_a_frame_lends_it_to_its_conversation(
    agent_shell: AgentShell, question: str
) -> None:
    agent_shell.shell.user_ns |= {"orders": ORDERS, "other": pd.DataFrame({"x": [1]})}
    agent_shell.run(f"%agent {question}")
    [call] = agent_shell.sandbox.calls
    assert list(defined_by(call.code)) == ["orders"]
    assert call.level == "medium"
    [conversation] = asyncio.run(agent_shell.store.find(Conversation, Query())).items
    assert call.key == conversation.id
    assert conversation.message_count == 2


def test_other_prompts_lend_nothing_until_a_frame_was_lent(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns["orders"] = ORDERS
    agent_shell.run("%agent hello")
    agent_shell.run("%agent --no-tools the price?")
    assert agent_shell.sandbox.calls == []
    agent_shell.run("%agent the price?")
    agent_shell.run("%agent and now?")
    assert len(agent_shell.sandbox.calls) == 2
    agent_shell.run("%agent reset")
    agent_shell.run("%agent hello")
    assert len(agent_shell.sandbox.calls) == 2


@pytest.mark.parametrize("tools", ["python_executor", "inspect_variable"])
def test_each_tool_that_sees_variables_is_enough(agent_shell: AgentShell, tools: str) -> None:
    agent_shell.tools.functions |= {"inspect_variable": repr, "file_reader": repr}
    agent_shell.shell.user_ns["orders"] = ORDERS
    agent_shell.run("%agent --tools file_reader what is orders?")
    assert agent_shell.sandbox.calls == []
    agent_shell.run(f"%agent --tools file_reader,{tools} what is orders?")
    assert list(defined_by(agent_shell.sandbox.calls[0].code)) == ["orders"]
    assert "Dataframes: orders(price, city)" in agent_shell.last_request.messages[0].text


def test_a_loan_that_fails_is_a_note_and_the_prompt_goes_on(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.shell.user_ns["orders"] = ORDERS
    agent_shell.sandbox.failure = SandboxOutcome(reason="ERROR", error_name="ImportError")
    assert agent_shell.run("%agent the price?").error is None
    assert "the tools do not see orders: ImportError" in capsys.readouterr().out


def test_one_frame_that_cannot_be_read_does_not_stop_the_others(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"bad": pd.DataFrame({"price": [Unreadable()]}), "orders": ORDERS}
    agent_shell.shell.user_ns |= names
    agent_shell.run("%agent the price?")
    assert "the tools do not see bad: ValueError" in capsys.readouterr().out
    [kernel] = agent_shell.sandbox.namespaces.values()
    assert set(kernel) - {"__builtins__", "print"} == {"orders"}


def test_the_agents_own_changes_survive_until_the_frame_changes(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns["orders"] = ORDERS.copy()
    agent_shell.run("%agent the price?")
    [kernel] = agent_shell.sandbox.namespaces.values()
    kernel["orders"]["price"] = 7
    agent_shell.run("%agent the price again?")
    assert list(kernel["orders"]["price"]) == [7, 7]
    agent_shell.shell.user_ns["orders"].loc[0, "price"] = 3.0
    agent_shell.run("%agent the price now?")
    assert kernel["orders"].loc[0, "price"] == 3.0


def test_a_tool_kernel_that_was_started_anew_gets_the_frames_again(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns["orders"] = ORDERS
    agent_shell.run("%agent the price?")
    [kernel] = agent_shell.sandbox.namespaces.values()
    kernel.clear()
    agent_shell.run("%agent the price?")
    assert "orders" in kernel


def test_stop_ends_the_lending(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns["orders"] = ORDERS
    ended: list[str] = []

    async def hang(_call: object) -> SandboxOutcome:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("lending")
        raise AssertionError

    agent_shell.sandbox.execute = hang  # type: ignore[method-assign,assignment]
    assert isinstance(agent_shell.run("%agent the price?").error, KeyboardInterrupt)
    agent_shell.run("%agent reset")
    assert agent_shell.run("%agent --no-tools hello").error is None
    assert ended == ["lending"]
