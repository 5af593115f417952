"""What is wrong with the magic that people know, each with what is right here.

The eight were reproduced with version 3.2.0 of that magic; see `notebook_ux.md`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import notebook_agents
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.flags import FLAGS
from notebook_agents.testing import ScriptedEngine, fake_core

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell

NAMES = (
    "ollama/qwen3",
    "hosted_vllm/my-model",
    "openai/gpt-9",
    "me/new-model",
    "gpt-9",
    "a b/c:d@e",
)


def test_1_a_dict_in_a_prompt_is_text(agent_shell: AgentShell) -> None:
    text = """what is {'a': [1, {"b": 2}]}["a"] and f"{x!r:>{w}}" and {} and {"""
    agent_shell.run(f"%%agent\n{text}")
    assert text in agent_shell.last_text


def test_2_an_expression_in_braces_is_either_put_in_or_told_to_be_left(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.shell.user_ns["rows"] = [1, 2, 3]
    agent_shell.run("%agent how many are {rows}? and {len(rows)}? and what is {undefined_name}?")
    assert "[1, 2, 3]" in agent_shell.last_text
    assert "{len(rows)}" in agent_shell.last_text, "a prompt runs no code"
    assert "{undefined_name}" in agent_shell.last_text
    assert "there is no variable undefined_name" in capsys.readouterr().out


def test_3_a_data_frame_is_told_with_columns_types_and_missing_values(
    agent_shell: AgentShell,
) -> None:
    frame = pd.DataFrame({"age": range(1000), "city": ["Bonn", None] * 500})
    agent_shell.shell.user_ns["df"] = frame
    agent_shell.run("%agent -m other/model describe {df}")
    for told in ("1000", "age", "int64", "city", "500"):
        assert told in agent_shell.last_text.replace(",", "")
    assert len(agent_shell.last_text) < 10_000


def test_4_a_temperature_is_sent(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent -t 0.3 --max-tokens 77 hello")
    sampling = agent_shell.last_request.sampling
    assert (sampling.temperature, sampling.max_tokens) == (0.3, 77)


def test_5_no_flag_takes_a_key_and_no_key_is_ever_sent_or_kept(agent_shell: AgentShell) -> None:
    assert not [name for flag in FLAGS for name in flag.names if "key" in name or name == "token"]
    error = agent_shell.run("%agent --api-key-name MY_KEY hello").error
    assert isinstance(error, AgentError)
    assert "unknown flag --api-key-name" in str(error)
    assert agent_shell.engine.requests == [], "a secret on the line has gone nowhere"


def test_6_every_subcommand_answers_or_says_in_words_what_it_needs(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "unknown" not in str(agent_shell.run("%agent fix").error)
    for line in ("%agent fix", "%agent status", "%agent model", "%agent list", "%agent version"):
        error = agent_shell.run(line).error
        assert error is None or isinstance(error, AgentError), line
        assert error is None or len(str(error).split()) > 4, "words and not an internal name"
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_7_a_model_of_any_name_is_asked_where_it_is_offered_and_refused_with_help_elsewhere(
    agent_shell: AgentShell, ipython_home: Path, name: str
) -> None:
    error = agent_shell.run(f"%agent -m '{name}' hello").error
    assert isinstance(error, AgentError)
    assert f"there is no model {name!r}" in str(error)
    assert "%agent list" in str(error) or "hf download" in str(error)
    engine = ScriptedEngine(models=[name])
    core = fake_core(engine=engine, home=ipython_home / "workspaces")
    notebook_agents.use_core(core, shell=agent_shell.shell)
    assert agent_shell.run(f"%agent -m '{name}' hello").error is None
    assert engine.requests[-1].model == name


def test_8_an_answer_in_the_wrong_form_is_told_as_that_and_kept(agent_shell: AgentShell) -> None:
    agent_shell.engine.script = ["It is sunny."]
    error = agent_shell.run("%agent -f json -o kept weather").error
    assert str(error).startswith("the answer is no JSON: expecting value at line 1, column 1")
    assert agent_shell.shell.user_ns["kept"].text == "It is sunny."
    error = agent_shell.run("%agent -f image draw a cat").error
    assert isinstance(error, AgentError)
    assert "invalid choice: 'image'" in str(error)
    assert "markdown" in str(error)


def test_loading_needs_no_network(tmp_path: Path) -> None:
    """Any socket that is opened to another machine is an error here."""
    code = (
        "import socket\n"
        "def refuse(*args): raise AssertionError(f'the network was used: {args}')\n"
        "socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell()\n"
        "shell.run_line_magic('load_ext', 'notebook_agents')\n"
        "print(shell.run_line_magic('agent', 'version'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
    )
    assert done.stdout.startswith("notebook-agents "), done.stderr
