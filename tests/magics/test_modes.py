"""What tools may do without asking: the mode of the session and the flags of a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from traitlets.config import Config

from notebook_agents.core.policy import ASK_POLICY, MODES, PLAN_WORDS, ApprovalPolicy
from notebook_agents.core.run_events import RunQueued
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.flags import Options
from notebook_agents.magics.magic import AgentMagics
from notebook_agents.magics.options import parse
from notebook_agents.magics.preferences import Preferences
from notebook_agents.magics.status import mode_text
from notebook_agents.magics.transcript import Transcript
from notebook_agents.magics.wishes import POLICIES

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell

FLAGS: list[tuple[str, ApprovalPolicy]] = [
    ("", MODES["ask"]),
    ("--ask", ASK_POLICY),
    ("--auto-edit", MODES["auto-edit"]),
    ("--plan", MODES["plan"]),
    ("--full", MODES["full"]),
    ("--yes", MODES["full"]),
]


def parsed(line: str) -> Options:
    function: Any = AgentMagics.agent
    return parse(line, None, function.parser).options


@pytest.mark.parametrize(("flag", "policy"), FLAGS)
def test_a_flag_is_the_policy_of_its_prompt(flag: str, policy: ApprovalPolicy) -> None:
    approval = parsed(f"{flag} hello").approval
    assert POLICIES.get(approval, MODES["ask"]) == policy


def test_two_modes_contradict_each_other() -> None:
    with pytest.raises(AgentError, match="contradict"):
        parsed("--plan --full hello")


def test_plan_is_told_to_the_model_by_flag_and_by_mode(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent --plan hello")
    assert PLAN_WORDS in agent_shell.last_request.messages[0].text
    agent_shell.run("%agent hello")
    assert PLAN_WORDS not in agent_shell.last_request.messages[0].text
    agent_shell.run("%config AgentMagics.mode = 'plan'")
    agent_shell.run("%agent hello")
    assert PLAN_WORDS in agent_shell.last_request.messages[0].text


@pytest.mark.parametrize("mode", MODES)
def test_status_shows_the_mode(agent_shell: AgentShell, mode: str) -> None:
    agent_shell.run(f"%config AgentMagics.mode = {mode!r}")
    assert mode_text(mode) in str(agent_shell.run("%agent status").value)


def test_full_is_for_this_kernel_and_never_read_from_a_file_or_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Preferences(config=Config({"Preferences": {"mode": "full"}})).mode == "ask"
    assert Preferences(config=Config({"Preferences": {"mode": "plan"}})).mode == "plan"
    monkeypatch.setenv("NOTEBOOK_AGENTS_MAGIC_MODE", "full")
    preferences = Preferences()
    assert preferences.mode == "ask"
    assert capsys.readouterr().err.count("mode=full of") == 2
    preferences.set("mode", "full")
    assert str(preferences.mode) == "full"


def test_the_line_below_an_answer_warns_while_nothing_is_asked() -> None:
    transcript = Transcript(model="m")
    transcript.apply(RunQueued(model="m", policy="full"))
    assert transcript.footer.endswith("⚠ full: nothing is asked")
    transcript.apply(RunQueued(model="m", policy="ask"))
    assert "⚠" not in transcript.footer
