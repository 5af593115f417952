"""The page on tools tells of each what it is."""

from __future__ import annotations

import re
from pathlib import Path

from notebook_agents.core.tool_names import OURS
from notebook_agents.core.toolsets import toolsets_of
from notebook_agents.tools.registry import Registry

PAGE = (Path(__file__).parents[2] / "docs/tools.md").read_text("utf-8")


def test_every_tool_has_a_row_with_its_effect_and_toolset(registry: Registry) -> None:
    toolsets = toolsets_of(registry.specs())
    toolset_of = {tool: found.name for found in toolsets for tool in found.tools}
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \|", PAGE, re.MULTILINE)
    expected = [(spec.name, spec.effect, toolset_of[spec.name]) for spec in registry.specs()]
    assert sorted(rows) == sorted(expected)


def test_other_names_are_told_in_their_order() -> None:
    theirs, ours = PAGE.split("also takes the names ")[1].split(", for ")
    assert re.findall(r"`(\w+)`", theirs) == list(OURS)
    assert re.findall(r"`(\w+)`", ours.split(".")[0]) == list(OURS.values())
