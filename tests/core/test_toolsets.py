"""Toolsets: what belongs together, and what an agent always has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.tools import ToolPorts, Tools, ToolSpec
from notebook_agents.core.toolsets import Toolsets, toolsets_of
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedTools

ANN = Actor(user_id="ann", username="ann")


class Installed(ScriptedTools):
    """Tools of which only the specifications matter."""

    def __init__(self, *specs: ToolSpec) -> None:
        super().__init__()
        self._specs = specs

    def specs(self) -> tuple[ToolSpec, ...]:
        return self._specs


def spec(name: str, category: str = "x", module: str = "") -> ToolSpec:
    return ToolSpec(
        name=name,
        title=f"The {name}",
        description="",
        category=category,
        parameters={},
        effect="read",
        module=module or f"notebook_agents.tools.{name}",
    )


def toolsets(*specs: ToolSpec) -> Toolsets:
    ports = dict.fromkeys(("store", "sandbox", "journal", "workspaces"))
    return Toolsets(Tools(ToolPorts(runner=Installed(*specs), **ports)))  # type: ignore[arg-type]


def test_only_toolsets_with_tools_are_there_and_essential_ones_come_first() -> None:
    found = toolsets_of(map(spec, ("shell", "file_reader", "think", "list_files")))
    assert [t.name for t in found] == ["WorkspaceTools", "ThinkTools", "ShellTools"]
    assert found[0].tools == ("file_reader", "list_files")
    assert [t.is_essential for t in found] == [True, True, False]
    assert {t.group for t in found} == {"Core Tools"}
    assert (found[0].module, found[1].module) == (
        "notebook_agents.tools", "notebook_agents.tools.think"
    )  # fmt: skip


def test_a_category_makes_a_toolset_and_its_group() -> None:
    found = toolsets_of(
        (
            spec("search_uploads", "retrieval"),
            spec("speak", "voice", "plugin.speech"),
            spec("joke", "demo"),
            spec("weather", "the weather", "plugin.weather"),
        )
    )
    assert [(toolset.group, toolset.name) for toolset in found] == [
        ("RAG Tools", "RagTools"),
        ("Voice Tools", "VoiceTools"),
        ("Demo Tools", "DemoTools"),
        ("Core Tools", "TheWeatherTools"),
    ]
    last = found[-1]
    assert (last.module, last.doc) == ("plugin.weather", "The weather")


async def test_an_agent_has_what_was_chosen_and_what_is_essential() -> None:
    some = toolsets(spec("think"), spec("file_writer"), spec("shell"))
    assert some.tools_of([]) == ("think",)
    assert some.tools_of(["FileTools", "ThinkTools"]) == ("think", "file_writer")
    assert await some.of_tools(ANN, ("file_writer",)) == ("FileTools",)
    assert [t.name for t in await some.list(ANN)] == ["ThinkTools", "FileTools", "ShellTools"]
    for name, hint in (
        ("FileTool", "did you mean 'FileTools'?"),
        ("Q", "available: FileTools"),
        ("MCPTools", ""),
    ):
        with pytest.raises(InvalidRequest) as caught:
            some.tools_of([name])
        assert hint in caught.value.message
        assert caught.value.details["field"] == "tools"


def test_modules_that_have_nothing_in_common_are_named_by_where_tools_come_from() -> None:
    odd = replace(spec("b", "odd"), module="other.b")
    (found,) = toolsets_of((spec("a", "odd"), odd))
    assert found.module == "notebook_agents.tools"
