"""Prompts in a shell without a kernel: options act, results bind, errors are one line."""

from __future__ import annotations

import _thread
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell

from notebook_agents.core.agents import Agent
from notebook_agents.core.conversations import Conversation
from notebook_agents.core.errors import EngineUnavailable, LimitExceeded
from notebook_agents.core.ports import Delete, Query
from notebook_agents.core.runs import Run
from notebook_agents.magics.answer import Answer
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.screen import TerminalScreen
from notebook_agents.testing import call


class InterruptingGate(asyncio.Event):
    """Presses Ctrl-C when the model is about to write its second word."""

    async def wait(self) -> Literal[True]:
        _thread.interrupt_main()
        return await super().wait()


def last_run(agent_shell: AgentShell) -> Run:
    return asyncio.run(agent_shell.store.find(Run, Query(limit=1))).items[0]


def test_the_answer_is_the_value_and_is_shown_once(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.engine.script = ["Seven is the answer"]
    answer = agent_shell.run("%agent what is it?").value
    shown = capsys.readouterr().out
    assert isinstance(answer, Answer)
    assert answer.text == "Seven is the answer"
    assert shown.count("Seven is the answer") == 1
    assert "notebook-agents/tiny (built-in demo model) · " in shown
    agent_shell.run("_1")
    assert "Seven is the answer" in capsys.readouterr().out


def test_an_assigned_answer_has_calls_usage_and_identity(agent_shell: AgentShell) -> None:
    agent_shell.engine.script = [call("python_executor", code="1+1"), "It is 2"]
    agent_shell.run("r = %agent add one and one")
    answer = agent_shell.shell.user_ns["r"]
    assert (answer.text, answer.state, answer.model) == (
        "It is 2",
        "succeeded",
        last_run(agent_shell).model,
    )
    assert answer.run_id == last_run(agent_shell).id
    assert answer.usage.output_tokens == 4
    [used] = answer.tool_calls
    assert (used.name, used.arguments, used.result) == (
        "python_executor",
        {"code": "1+1"},
        "ran: 1+1",
    )


def test_out_binds_the_answer_and_every_flag_reaches_the_engine(agent_shell: AgentShell) -> None:
    agent_shell.run("%%agent -m other/model -t 0.3 --max-tokens 9 --no-tools -o kept\nhello")
    assert agent_shell.shell.user_ns["kept"].model == "other/model"
    request = agent_shell.last_request
    assert (request.model, request.tools) == ("other/model", ())
    assert (request.sampling.temperature, request.sampling.max_tokens) == (0.3, 9)


def test_tools_restricts_the_tools_that_are_offered(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent --tools python_executor hello")
    assert [tool.name for tool in agent_shell.last_request.tools] == ["python_executor"]


def test_braces_in_a_cell_are_literal_and_variables_are_put_in(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.run("town = 'Bern'; row = {'a': [1]}")
    agent_shell.run('%%agent\nJSON {"k": {"n": 1}} in {town}, {row[\'a\']}, {len(town)}, {missing}')
    assert agent_shell.last_text == 'JSON {"k": {"n": 1}} in Bern, [1], {len(town)}, {missing}'
    assert "{missing} was left as it is" in capsys.readouterr().out


def test_the_model_is_told_the_data_frames_and_files_of_the_notebook(
    agent_shell: AgentShell,
) -> None:
    Path("sales.csv").write_text("a\n1\n")
    agent_shell.shell.user_ns["orders"] = pd.DataFrame({"price": [1], "qty": [2]})
    agent_shell.run("%agent hello")
    system = agent_shell.last_request.messages[0].text
    assert "Dataframes: orders(price, qty)" in system.splitlines()
    assert "Files: sales.csv" in system.splitlines()


def test_prompts_share_a_conversation_until_reset(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent first")
    agent_shell.run("%agent second")
    texts = [message.text for message in agent_shell.last_request.messages]
    assert "You said: first" in texts
    agent_shell.run("%agent reset")
    agent_shell.run("%agent third")
    texts = [message.text for message in agent_shell.last_request.messages]
    assert not any("first" in text for text in texts)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (EngineUnavailable("the worker died"), "the worker died; see: %agent status"),
        (LimitExceeded("too much"), "too much; ask for less at once"),
    ],
)
def test_a_failed_run_is_one_line_on_stderr_and_a_failed_cell(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str], failure: Exception, words: str
) -> None:
    agent_shell.engine.script = [failure]
    cell = agent_shell.run("%agent hello")
    captured = capsys.readouterr()
    assert isinstance(cell.error, AgentError)
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.out + captured.err
    assert agent_shell.run("%agent hello again").error is None


def test_an_unknown_model_names_the_nearest(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.run("%agent -m other/modle hello")
    assert "did you mean 'other/model'?" in capsys.readouterr().err


def test_debug_shows_the_traceback(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.run("%agent --debug -m nothing hello")
    assert "Traceback" in capsys.readouterr().out


def test_an_answer_that_was_stopped_keeps_its_text(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.engine.script = ["Once upon a time"]
    agent_shell.engine.gate = InterruptingGate()
    cell = agent_shell.run("%agent -o told tell me a story")
    assert isinstance(cell.error, KeyboardInterrupt)
    assert agent_shell.shell.user_ns["told"].text == "Once"
    assert last_run(agent_shell).state == "cancelled"
    out = capsys.readouterr().out
    assert "Once\n[stopped]" in out
    assert "Stopped: " in out
    agent_shell.engine.gate = None
    assert agent_shell.run("%agent hello").value.text == "You said: hello"


def test_ask_is_denied_where_nobody_can_answer_and_yes_allows(agent_shell: AgentShell) -> None:
    agent_shell.engine.script = [call("python_executor", code="1"), "so be it"]
    answer = agent_shell.run("%agent --ask run it").value
    assert (answer.state, answer.tool_calls[0].status) == ("succeeded", "denied")
    assert "nobody is there" in answer.tool_calls[0].result
    agent_shell.engine.script = [call("file_writer", path="a"), "done"]
    assert agent_shell.run("%agent write it").value.tool_calls[0].status == "denied"
    agent_shell.engine.script = [call("file_writer", path="a"), "done"]
    assert agent_shell.run("%agent --yes write it").value.tool_calls[0].status == "succeeded"


def test_a_low_sandbox_level_is_said_once(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.tools.enforced_level = "low"
    agent_shell.engine.script = [call("python_executor", code="1"), "done"]
    agent_shell.run("%agent run it")
    assert capsys.readouterr().out.count("not a sandbox") == 1


def test_another_working_folder_is_another_conversation(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.run("%agent first")
    Path("deep").mkdir()
    Path("deep/new.csv").write_text("a\n1\n")
    agent_shell.run("import os; os.chdir('deep')")
    status = str(agent_shell.run("%agent status").value)
    assert "the next prompt begins a new one" in status
    assert "0 earlier exchanges" in status
    assert "Files: new.csv" in status
    agent_shell.run("%agent second")
    assert "the working folder has changed" in capsys.readouterr().out
    assert "Files: new.csv" in agent_shell.last_request.messages[0].text
    assert not any("first" in message.text for message in agent_shell.last_request.messages)
    agent_shell.run("%agent third")
    assert "folder has changed" not in capsys.readouterr().out
    assert any("second" in message.text for message in agent_shell.last_request.messages)


@pytest.mark.parametrize("line", ["%agent hello", "%agent the price?", "%agent status"])
def test_a_deleted_agent_is_made_again(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    agent_shell.shell.user_ns["orders"] = pd.DataFrame({"price": [1]})
    agent_shell.run("%agent the price?")
    [agent] = asyncio.run(agent_shell.store.find(Agent, Query())).items
    asyncio.run(agent_shell.store.commit(Delete(kind=Agent, id=agent.id)))
    assert agent_shell.run(line).error is None
    assert ("was deleted" in capsys.readouterr().out) == ("status" not in line)
    assert agent_shell.run("%agent and again").error is None


def test_a_deleted_conversation_is_followed_by_a_new_one(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent hello")
    [conversation] = asyncio.run(agent_shell.store.find(Conversation, Query())).items
    asyncio.run(agent_shell.store.commit(Delete(kind=Conversation, id=conversation.id)))
    assert agent_shell.run("%agent again").value.text == "You said: again"


def test_an_unexpected_error_ends_the_screen(
    agent_shell: AgentShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(TerminalScreen, "end", lambda _screen, shown: ended.append(shown.state))
    gone = Path("gone")
    gone.mkdir()
    agent_shell.run("import os; os.chdir('gone'); os.rmdir('../gone')")
    cell = agent_shell.run("%agent hello")
    assert isinstance(cell.error, AgentError)
    assert "FileNotFoundError" in str(cell.error)
    assert ended == ["failed"]


def test_debug_in_the_text_is_text(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = agent_shell.run("%agent -m nothing what does --debug do")
    assert "Traceback" not in capsys.readouterr().out
    assert isinstance(cell.error, AgentError)
    assert not cell.error.is_debug


def test_a_value_that_cannot_be_written_stays_as_it_is(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.run("class C:\n    def __str__(self): raise RuntimeError\nc = C()")
    agent_shell.run("%agent what is {c}?")
    assert agent_shell.last_text == "what is {c}?"
    assert "{c} was left as it is: its value cannot" in capsys.readouterr().out


def test_no_stream_writes_the_same_text(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.engine.script = ["All at once"]
    agent_shell.run("%agent --no-stream hello")
    assert capsys.readouterr().out.count("All at once") == 1


def test_it_works_inside_functions_loops_and_timing(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "def f():\n    r = %agent in a function\n    return r.text\nf()"
    assert agent_shell.run(code).value == "You said: in a function"
    agent_shell.run("for i in range(2):\n    %agent loop {i}")
    assert agent_shell.last_text == "loop 1"
    agent_shell.run("%time %agent timed")
    assert "Wall time" in capsys.readouterr().out
