"""What holds where no flag says otherwise, and who says so."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets import TraitError
from traitlets.config import Config

from notebook_agents.core.models import Sampling
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.flags import Options
from notebook_agents.magics.magic import AgentMagics
from notebook_agents.magics.preferences import DEFAULT_HISTORY, Preferences

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell


def magics(shell: Any = None, **told: Any) -> AgentMagics:
    make: Any = InteractiveShell
    shell = shell or make()
    shell.config = Config({"AgentMagics": told})
    return AgentMagics(shell)


def test_a_flag_comes_before_all_else_and_then_in_order_config_file_environment_default(
    monkeypatch: pytest.MonkeyPatch, ipython_home: object
) -> None:
    assert magics().fill(Options()).max_steps is None
    monkeypatch.setenv("NOTEBOOK_AGENTS_MAGIC_MAX_STEPS", "1")
    from_environment = magics()
    assert from_environment.fill(Options()).max_steps == 1
    assert from_environment.source("max_steps") == "NOTEBOOK_AGENTS_MAGIC_MAX_STEPS"
    from_file = magics(max_steps=2)
    assert from_file.fill(Options()).max_steps == 2
    assert from_file.source("max_steps") == "the configuration"
    from_file.update_config(Config({"AgentMagics": {"max_steps": 3}}))  # what %config does
    assert from_file.fill(Options()).max_steps == 3
    assert from_file.source("max_steps") == "%config"
    assert from_file.fill(Options(max_steps=4)).max_steps == 4


def test_what_the_environment_says_wrong_is_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOTEBOOK_AGENTS_MAGIC_HISTORY", "many")
    assert Preferences().history == DEFAULT_HISTORY
    told = capsys.readouterr().err
    assert told.startswith("NOTEBOOK_AGENTS_MAGIC_HISTORY is left out: 'many' is no value")
    assert told.count("\n") == 1


@pytest.mark.parametrize("name", Preferences().names())
def test_every_trait_says_what_it_is_for_and_can_be_set_from_text(name: str) -> None:
    preferences = Preferences()
    assert len(preferences.about(name)) > 20
    preferences.set(name, str(getattr(preferences, name)))
    assert preferences.source(name) == "%agent config"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("temperature", "3"),
        ("history", "-1"),
        ("max_steps", "0"),
        ("format", "xml"),
        ("stream", "x"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_can(name: str, text: str) -> None:
    preferences = Preferences()
    before = getattr(preferences, name)
    with pytest.raises(TraitError, match=f"{text!r} is no value for {name}"):
        preferences.set(name, text)
    assert getattr(preferences, name) == before


def test_config_shows_where_values_come_from_and_sets_them(agent_shell: AgentShell) -> None:
    text = str(agent_shell.run("%agent config").value)
    assert re.search(r"temperature +None \(the default\)\.", text)
    assert "0.25 (%agent config)" in str(agent_shell.run("%agent config temperature=0.25").value)
    agent_shell.run("%agent hello")
    assert agent_shell.last_request.sampling.temperature == 0.25
    agent_shell.run("%config AgentMagics.temperature = 0.5")
    assert "0.5 (%config)" in str(agent_shell.run("%agent config temperature").value)
    agent_shell.run("%agent hello")
    assert agent_shell.last_request.sampling.temperature == 0.5
    agent_shell.run("%agent -t 1 hello")
    assert agent_shell.last_request.sampling.temperature == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%agent config temprature=1", "did you mean temperature?"),
        ("%agent config zzz", "see: %agent config"),
        ("%agent config temperature=hot", "'hot' is no value for temperature"),
    ],
)
def test_a_setting_that_is_wrong_is_one_line(
    agent_shell: AgentShell, line: str, words: str
) -> None:
    error = agent_shell.run(line).error
    assert isinstance(error, AgentError)
    assert words in str(error)


def test_the_model_of_the_configuration_answers_until_another_is_chosen(
    agent_shell: AgentShell,
) -> None:
    agent_shell.run("%agent config model=other/model")
    agent_shell.run("%agent hello")
    assert agent_shell.last_request.model == "other/model"
    assert "other/model, set by %agent config" in str(agent_shell.run("%agent status").value)
    agent_shell.run("%agent model notebook-agents/tiny")
    agent_shell.run("%agent hello")
    assert agent_shell.last_request.model == "notebook-agents/tiny"


def test_a_setting_changes_what_is_asked_or_shown(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    acts: dict[str, tuple[str, Callable[[], bool]]] = {
        "model": ("other/model", lambda: agent_shell.last_request.model == "other/model"),
        "temperature": ("0.5", lambda: _sampling(agent_shell).temperature == 0.5),
        "max_tokens": ("9", lambda: _sampling(agent_shell).max_tokens == 9),
        "history": ("0", lambda: _n_asked(agent_shell) == 1),
        "persona": ("default", lambda: "Answer the question." in _system(agent_shell)),
        "system": ("Be rude.", lambda: "Be rude." in _system(agent_shell)),
        "format": ("text", lambda: "plain text" in _system(agent_shell)),
        "footer": ("False", lambda: "in /" not in capsys.readouterr().out),
    }
    for name, (value, has_acted) in acts.items():
        agent_shell.run("%agent before")
        agent_shell.run(f"%agent config {name}={value}")
        capsys.readouterr()
        agent_shell.run("%agent hello")
        assert has_acted(), name


def _sampling(agent_shell: AgentShell) -> Sampling:
    return agent_shell.last_request.sampling


def _system(agent_shell: AgentShell) -> str:
    return agent_shell.last_request.messages[0].text


def _n_asked(agent_shell: AgentShell) -> int:
    return sum(message.role == "user" for message in agent_shell.last_request.messages)


def test_loading_is_silent_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell()\n"
        "before = set(sys.modules)\n"
        "print('loaded:', shell.run_line_magic('load_ext', 'notebook_agents'))\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "heavy = {'torch', 'transformers', 'anywidget', 'ipywidgets', 'pandas', 'numpy', 'duckdb',"
        " 'sqlalchemy', 'pydantic', 'httpx2', 'plotly', 'tornado', 'requests'}\n"
        "print('heavy:', sorted(new & heavy))\n"
        "print('many:', len(set(sys.modules) - before) > 150)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == ["loaded: None", "heavy: []", "many: False"]
    assert done.stderr == ""
