"""Every flag that is accepted acts: on what is asked, on what is shown, or on what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.runs import ListRuns, Run
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.flags import FLAGS
from notebook_agents.magics.magic import installed_magics
from notebook_agents.magics.options import COMMAND_FLAGS, Options
from notebook_agents.magics.screen import TerminalScreen
from notebook_agents.testing import call

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell

WRITE = call("file_writer", "c1", path="a")


def newest_run(agent_shell: AgentShell) -> Run:
    """The last run, as the core keeps it."""
    magics = installed_magics(agent_shell.shell)
    actor = magics._session._identity.actor  # type: ignore[union-attr]
    page = magics._host.submit(lambda core: core.runs.list(actor, ListRuns(limit=1))).result(5)
    return page.items[0]


def system(agent_shell: AgentShell) -> str:
    return agent_shell.last_request.messages[0].text


def asked(agent_shell: AgentShell) -> list[str]:
    return [m.text for m in agent_shell.last_request.messages if m.role == "user"]


def told_tools(agent_shell: AgentShell) -> list[str]:
    return [tool.name for tool in agent_shell.last_request.tools]


def sampling(agent_shell: AgentShell) -> Any:
    return agent_shell.last_request.sampling


def is_bound(agent_shell: AgentShell) -> bool:
    return str(agent_shell.shell.user_ns.get("kept")) == "You said: hello"


PROBES: dict[str, tuple[str, Callable[[AgentShell], bool]]] = {
    "--model": ("-m other/model", lambda s: s.last_request.model == "other/model"),
    "--temperature": ("-t 0.5", lambda s: bool(sampling(s).temperature == 0.5)),
    "--max-tokens": ("--max-tokens 50", lambda s: bool(sampling(s).max_tokens == 50)),
    "--format": ("-f json", lambda s: "JSON" in system(s)),
    "--persona": ("-p default", lambda s: "Answer the question." in system(s)),
    "--system": ("--system 'Be brief.'", lambda s: "Be brief." in system(s)),
    "--history": ("--history 1", lambda s: asked(s) == ["second", "hello"]),
    "--no-history": ("--no-history", lambda s: asked(s) == ["hello"]),
    "--max-steps": ("--max-steps 1", lambda s: newest_run(s).limits.max_steps == 1),
    "--tools": ("--tools file_writer", lambda s: newest_run(s).tools == ("file_writer",)),
    "--no-tools": ("--no-tools", lambda s: newest_run(s).tools == ()),
    "--out": ("-o kept", is_bound),
}
"""By flag, how to write it, and whether it has acted on ``hello``, asked after two other things."""

ELSEWHERE = {
    "--no-stream": "test_an_answer_that_is_not_streamed_is_shown_when_it_is_complete",
    "--yes": "test_yes_allows_and_ask_denies_where_nobody_answers",
    "--ask": "test_yes_allows_and_ask_denies_where_nobody_answers",
    "--debug": "test_debug_shows_the_traceback_and_nothing_else_does",
    "--help": "test_help_asks_nobody",
}
"""Flags with a test of their own below."""


@pytest.mark.parametrize("name", PROBES)
def test_a_flag_changes_what_is_asked_or_kept(agent_shell: AgentShell, name: str) -> None:
    written, has_acted = PROBES[name]
    agent_shell.run("%agent first")
    agent_shell.run("%agent second")
    agent_shell.run("%agent hello")
    assert not has_acted(agent_shell), "it would be so without the flag"
    agent_shell.run("%agent reset")
    agent_shell.run("%agent first")
    agent_shell.run("%agent second")
    agent_shell.run(f"%agent {written} hello")
    assert has_acted(agent_shell)


def test_every_flag_has_a_test() -> None:
    others = {"--dry-run", "--show-context", "--live", "--auto-edit", "--plan", "--full", "--yes"}
    named = set(PROBES) | set(ELSEWHERE) | others
    assert [flag.names for flag in FLAGS if not named & set(flag.names)] == []
    assert set(ELSEWHERE.values()) <= set(globals())


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.names[-1])
def test_a_flag_that_means_nothing_for_a_subcommand_is_refused(
    agent_shell: AgentShell, flag: Any
) -> None:
    choices = flag.settings.get("choices") or ("1",)
    value = f" {choices[0]}" if flag.takes_value else ""
    error = agent_shell.run(f"%agent {flag.names[-1]}{value} version").error
    if flag.names[-1] in COMMAND_FLAGS:
        assert error is None or "-o needs the name" in str(error)
    else:
        assert f"{flag.names[-1]} means nothing for %agent version" in str(error)


def test_an_answer_that_is_not_streamed_is_shown_when_it_is_complete(
    agent_shell: AgentShell,
) -> None:
    session = installed_magics(agent_shell.shell)._the_session()
    for options in (Options(), Options(is_streaming=False)):
        screen = session._cell(options).screen
        assert isinstance(screen, TerminalScreen)
        assert screen._is_streaming == options.is_streaming


def test_yes_allows_and_ask_denies_where_nobody_answers(agent_shell: AgentShell) -> None:
    agent_shell.engine.script = [[WRITE], "done"]
    assert agent_shell.run("%agent --yes write").value.tool_calls[0].status == "succeeded"
    read = call("python_executor", "c2", code="1")
    agent_shell.engine.script = [[read], "done"]
    assert agent_shell.run("%agent --ask compute").value.tool_calls[0].status == "denied"


def test_debug_shows_the_traceback_and_nothing_else_does(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags, is_shown in (("", False), ("--debug", True)):
        agent_shell.engine.script = [InvalidRequest("it is broken")]
        capsys.readouterr()
        agent_shell.run(f"%agent {flags} hello")
        told = capsys.readouterr()
        assert ("Traceback" in told.out + told.err) == is_shown
        assert "it is broken" in told.out + told.err


def test_help_asks_nobody(agent_shell: AgentShell) -> None:
    assert "--max-steps" in str(agent_shell.run("%agent --help").value)
    assert agent_shell.engine.requests == []


def test_a_persona_that_nobody_knows_is_refused_with_those_there_are(
    agent_shell: AgentShell,
) -> None:
    error = agent_shell.run("%agent -p defualt hello").error
    assert isinstance(error, AgentError)
    assert "no persona 'defualt'; did you mean default? known: default" in str(error)


def test_max_steps_ends_a_run_and_says_what_helps(agent_shell: AgentShell) -> None:
    agent_shell.engine.script = [[call("python_executor", "c1", code="1")], "never"]
    error = agent_shell.run("%agent --max-steps 1 hello").error
    assert "the run used all its 1 model steps" in str(error)
    assert "--max-steps N" in str(error)
