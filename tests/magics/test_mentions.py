"""Completion of variables, functions, cells and files in prompts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import provisionalcompleter

from notebook_agents.magics.mentions import mentions

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell


def completions(agent_shell: AgentShell, text: str) -> list[str]:
    with provisionalcompleter():
        found: list[Any] = list(agent_shell.shell.Completer.completions(text, len(text)))
    return [text[: completion.start] + completion.text for completion in found]


def test_names_complete_after_the_sign_in_lines_and_cells(agent_shell: AgentShell) -> None:
    agent_shell.run("sales = 1\ndef summary(): ...")
    assert completions(agent_shell, "%agent about @sal") == ["%agent about @sales"]
    assert completions(agent_shell, "%%agent\nlook\nat @sal") == ["%%agent\nlook\nat @sales"]
    assert completions(agent_shell, "%agent use &s") == ["%agent use &summary"]


def test_files_and_cells_complete(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "my sales.csv").write_text("")
    (tmp_path / ".hidden").write_text("")
    assert mentions("@file:", {}, tmp_path) == ["@file:data/"]
    assert mentions("@file:data/", {}, tmp_path) == []
    assert mentions('@file:"data/', {}, tmp_path) == ['@file:"data/my sales.csv"']
    assert mentions("@cell:", {"In": ["", "a", "b", "now"]}, tmp_path) == ["@cell:2", "@cell:1"]
    assert mentions("@fi", {}, tmp_path) == ["@file:"]


def test_nothing_completes_outside_a_prompt(agent_shell: AgentShell) -> None:
    agent_shell.run("sales = 1")
    assert completions(agent_shell, "x = 1  # @sal") == []
