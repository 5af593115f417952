"""What was said: read, gone on with another day, kept as a file, read back, and what it cost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import notebook_agents
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.models import GenerateFinished, Usage
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.magics.errors import AgentError
from notebook_agents.testing import MemoryReports, MemoryStore, ScriptedEngine, call, fake_core

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.magics.conftest import AgentShell, Kernel

    from notebook_agents.core.models import GenerateChunk, GenerateRequest


class PaidEngine(ScriptedEngine):
    """Also asks for money: half a dollar for each answer of the other model."""

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        async for chunk in super().generate(request):
            if isinstance(chunk, GenerateFinished) and request.model == "other/model":
                usage = Usage(input_tokens=10, output_tokens=3, cost_usd=0.5)
                yield replace(chunk, usage=usage)
            else:
                yield chunk


def error_of(agent_shell: AgentShell, line: str) -> str:
    error = agent_shell.run(line).error
    assert isinstance(error, AgentError), error
    assert "\n" not in str(error)
    return str(error)


def asked(agent_shell: AgentShell) -> list[str]:
    return [m.text for m in agent_shell.last_request.messages if m.role == "user"]


def restart(agent_shell: AgentShell, home: Path, **ports: Any) -> None:
    """What a restart of the kernel does: a new core over the same store."""
    kept: dict[str, Any] = {"store": agent_shell.store, "engine": agent_shell.engine} | ports
    core = fake_core(home=home / "workspaces", clock=SystemClock(), **kept)
    notebook_agents.use_core(core, shell=agent_shell.shell)


def test_history_shows_messages_and_tools_readably(agent_shell: AgentShell) -> None:
    agent_shell.engine.script = [[call("python_executor", code="1+1")], "It is **2** <b>"]
    agent_shell.shell.user_ns["n"] = 1
    agent_shell.run("%agent what is {n}+1?")
    talk = agent_shell.run("%agent history").value
    text = str(talk)
    assert "You  (" in text
    assert "[python_executor 1+1: succeeded, ran: 1+1]" in text
    assert "notebook-agents/tiny" in text
    assert "It is **2**" in text
    markdown = talk._repr_markdown_()
    assert "**You**" in markdown
    assert "It is **2** &lt;b>" in markdown


def test_history_shows_what_the_person_wrote_where_the_model_was_told_more(
    agent_shell: AgentShell,
) -> None:
    agent_shell.shell.user_ns["n"] = 41
    agent_shell.run("%agent what is {n}+1?")
    assert "what is {n}+1?" in str(agent_shell.run("%agent history").value)


def test_history_of_the_last_questions_of_others_and_of_none(agent_shell: AgentShell) -> None:
    assert "Nothing was said yet" in str(agent_shell.run("%agent history").value)
    for word in ("one", "two", "three"):
        agent_shell.run(f"%agent {word}")
    text = str(agent_shell.run("%agent history 2").value)
    assert "You said: two" in text
    assert "You said: one" not in text
    agent_shell.run("%agent reset")
    listed = agent_shell.run("%agent history --all").value
    assert list(listed["messages"]) == [6]
    assert listed["begins with"][0] == "one"
    assert "You said: one" in str(agent_shell.run(f"%agent history {listed['id'][0]}").value)
    assert "see: %agent history --all" in error_of(agent_shell, "%agent history zzzz")
    assert "%agent -- history of Rome" in error_of(agent_shell, "%agent history of Rome")
    assert "did you mean --all?" in error_of(agent_shell, "%agent history --al")


def test_yesterdays_conversation_goes_on(agent_shell: AgentShell, ipython_home: Path) -> None:
    agent_shell.run("%agent my name is Ann")
    agent_shell.run("%agent reset")
    agent_shell.run("%agent something else")
    restart(agent_shell, ipython_home)
    listed = agent_shell.run("%agent history --all").value
    assert list(listed["begins with"]) == ["something else", "my name is Ann"]
    facts = str(agent_shell.run(f"%agent resume {listed['id'][1]}").value)
    assert "my name is Ann" in facts
    agent_shell.run("%agent who am I?")
    assert asked(agent_shell) == ["my name is Ann", "who am I?"]


def test_resume_alone_takes_the_last_one_of_this_folder(
    agent_shell: AgentShell, ipython_home: Path
) -> None:
    assert "there is no earlier conversation" in error_of(agent_shell, "%agent resume")
    agent_shell.run("%agent one")
    restart(agent_shell, ipython_home)
    agent_shell.run("%agent resume")
    agent_shell.run("%agent two")
    assert asked(agent_shell) == ["one", "two"]
    Path("elsewhere").mkdir()
    agent_shell.run("import os; os.chdir('elsewhere')")
    restart(agent_shell, ipython_home)
    assert "began in this folder" in error_of(agent_shell, "%agent resume")
    id = agent_shell.run("%agent history --all").value["id"][0]
    facts = str(agent_shell.run(f"%agent resume {id}").value)
    assert f"Its tools work in  {ipython_home}" in facts
    agent_shell.run("%agent three")
    assert asked(agent_shell) == ["one", "two", "three"]


def test_what_is_saved_as_json_is_read_back_into_a_new_conversation(
    agent_shell: AgentShell, ipython_home: Path
) -> None:
    agent_shell.engine.script = [[call("python_executor", code="1")], "It is 1"]
    agent_shell.run("%agent remember this")
    assert "%agent load talk.json" in str(agent_shell.run("%agent save talk.json").value)
    restart(agent_shell, ipython_home, store=MemoryStore())
    facts = str(agent_shell.run("%agent load talk.json").value)
    assert "remember this" in facts
    assert "Answered by   notebook-agents/tiny" in facts
    agent_shell.run("%agent and now?")
    roles = [m.role for m in agent_shell.last_request.messages if m.role != "system"]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    assert asked(agent_shell) == ["remember this", "and now?"]


def test_a_report_of_it_is_written_by_suffix(agent_shell: AgentShell, ipython_home: Path) -> None:
    reports = MemoryReports()
    restart(agent_shell, ipython_home, report_files=reports)
    agent_shell.run("%agent hello")
    agent_shell.run("%agent save talk.md")
    assert Path("talk.md").read_bytes().startswith(b"markdown {")
    agent_shell.run("%agent save 'my talk.ipynb'")
    assert json.loads(Path("my talk.ipynb").read_text())
    assert len(reports.documents) == 2
    assert reports.files == {}, "nothing else is kept"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%agent save", "such as: %agent save talk.json"),
        ("%agent save talk", "'talk' says no form; end it in one of .md, .ipynb"),
        ("%agent save there.json", "%agent save --force there.json"),
        ("%agent save no/such/folder.json", "cannot be written: No such file or directory"),
        ("%agent load", "such as: %agent load talk.json"),
        ("%agent load talk.md", "only what was saved as .json"),
        ("%agent load absent.json", "cannot be read: No such file"),
        ("%agent load there.json", "not a conversation saved by"),
    ],
)
def test_what_cannot_be_saved_or_loaded_is_one_line(
    agent_shell: AgentShell, line: str, words: str
) -> None:
    agent_shell.run("%agent hello")
    Path("there.json").write_text("{}")
    assert words in error_of(agent_shell, line)


def test_a_file_is_replaced_only_when_told_so(agent_shell: AgentShell) -> None:
    assert "nothing was said yet" in error_of(agent_shell, "%agent save talk.json")
    agent_shell.run("%agent hello")
    Path("talk.json").write_text("mine")
    error_of(agent_shell, "%agent save talk.json")
    assert Path("talk.json").read_text() == "mine"
    agent_shell.run("%agent save --force talk.json")
    assert "You said: hello" in Path("talk.json").read_text()


def test_costs_are_of_here_of_today_and_by_model_and_unknown_is_counted_and_never_0(
    agent_shell: AgentShell, ipython_home: Path
) -> None:
    home = ipython_home / "home"
    log = JsonlEventLog(home)
    analytics = EventAnalytics(EventFiles(home))
    restart(agent_shell, ipython_home, event_log=log, analytics=analytics, engine=PaidEngine())
    assert agent_shell.run("%agent cost").value["cost_usd"].tolist() == [0, 0]
    agent_shell.run("%agent hello")
    frame = agent_shell.run("%agent cost").value
    assert list(frame["what"]) == ["this conversation", "today", "today, notebook-agents/tiny"]
    assert frame["cost_usd"].isna().all()
    assert frame["uncosted_calls"].tolist() == [1, 1, 1]
    assert repr(frame).count("unknown") == frame._repr_html_().count("<td>unknown</td>") == 3
    agent_shell.run("%agent reset")
    agent_shell.run("%agent -m other/model again")
    frame = agent_shell.run("%agent usage").value.set_index("what")
    assert frame.loc["this conversation", ["runs", "output_tokens", "cost_usd"]].tolist() == [
        1, 3, 0.5,
    ]  # fmt: skip
    assert frame.loc["today", "runs"] == 2
    assert frame.loc["today", ["cost_usd", "uncosted_calls"]].tolist() == [0.5, 1]
    assert frame["cost_usd"].isna()["today, notebook-agents/tiny"]


def test_stop_ends_what_runs_elsewhere_in_this_kernel(kernel: Kernel) -> None:
    kernel.run("import asyncio\nengine.gate = asyncio.Event()")
    kernel.run("task = asyncio.ensure_future(notebook_agents.ask('hello'))\nawait asyncio.sleep(0)")
    kernel.run("while not engine.requests: await asyncio.sleep(0.01)")
    assert "Stopped 1; what was written so far is kept." in kernel.run("%agent stop").value()
    kernel.run("engine.gate = None\n_ = await asyncio.wait([task])")
    assert kernel.run("%agent stop").value() == "Nothing runs."
    assert kernel.run("%agent hello").status == "ok"


def test_aliases_stand_for_models_in_every_kernel_of_the_profile(
    agent_shell: AgentShell, ipython_home: Path
) -> None:
    assert "No aliases yet" in str(agent_shell.run("%agent alias").value)
    agent_shell.run("%agent alias big other/model")
    agent_shell.run("%agent -m big hello")
    assert agent_shell.last_request.model == "other/model"
    restart(agent_shell, ipython_home)
    agent_shell.run("%agent model big")
    agent_shell.run("%agent hello")
    assert agent_shell.last_request.model == "other/model"
    assert "big  other/model" in str(agent_shell.run("%agent alias").value)
    assert "did you mean big?" in error_of(agent_shell, "%agent dealias bug")
    agent_shell.run("%agent dealias big")
    assert "there is no model 'big'" in error_of(agent_shell, "%agent -m big hello")


@pytest.mark.parametrize("text", ["one", "a/b other/model", "default other/model", "a b c"])
def test_an_alias_that_cannot_be_is_refused(agent_shell: AgentShell, text: str) -> None:
    assert "alias" in error_of(agent_shell, f"%agent alias {text}")
    assert "No aliases yet" in str(agent_shell.run("%agent alias").value)


def test_models_are_listed_by_provider(agent_shell: AgentShell) -> None:
    assert list(agent_shell.run("%agent list local").value["provider"].unique()) == ["local"]
    assert "did you mean local?" in error_of(agent_shell, "%agent list locale")
