"""`think` and the text tools: small, and good at what a model is bad at."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.tools import comparing
from notebook_agents.tools.comparing import compare, statistics

from .conftest import ToolBench


@pytest.fixture
def no_collector() -> Iterator[None]:
    """An alarm while garbage is collected is lost with a warning, and comes again."""
    gc.disable()
    yield
    gc.enable()


async def test_a_thought_is_noted_and_bounded(tools: ToolBench) -> None:
    result = await tools.use("think", thought="First look, then count.")
    assert (result.content, result.enforced_level) == ("Noted.", None)
    assert result.value == {"thought": "First look, then count."}
    for thought in ("", "x" * 20_001):
        with pytest.raises(InvalidRequest):
            tools.registry.validate("think", {"thought": thought})


@pytest.mark.usefixtures("no_collector")
def test_texts_are_compared_without_their_line_ends(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "a").write_bytes(b"one\ntwo\n")
    (workspace / "b").write_bytes(b"one\r\ntwo\r\n")
    (workspace / "c").write_bytes(b"one\n2\n")
    assert compare(str(workspace), "a", "b", 3) == {"is_same": True, "diff": ""}
    assert compare(str(workspace), "a", "c", 0)["diff"].splitlines() == [
        "--- a", "+++ c", "@@ -2 +2 @@", "-two", "+2"
    ]  # fmt: skip
    (workspace / "a").write_text("\n".join(map(str, range(9000))))
    (workspace / "c").write_text("\n".join(map(str, reversed(range(9000)))))
    monkeypatch.setattr(comparing, "MAX_SECONDS", 0.001)
    with pytest.raises(TimeoutError, match="took longer"):
        compare(str(workspace), "a", "c", 3)


def test_statistics_count_words_of_any_language(workspace: Path) -> None:
    (workspace / "a").write_text("Über den Wolken,\n\nüber 3 Wolken don't", "utf-8")
    assert statistics(str(workspace), "a", 2) == {
        "lines": 3,
        "empty_lines": 1,
        "words": 6,
        "different_words": 4,
        "characters": 37,
        "longest_line": 19,
        "frequent_words": [["wolken", 2], ["über", 2]],
    }
    (workspace / "a").write_text("")
    assert statistics(str(workspace), "a", 2)["lines"] == 0


async def test_what_a_model_is_told(tools: ToolBench) -> None:
    (tools.workspace / "a").write_text("one two\none\n")
    (tools.workspace / "b").write_text("one two\n")
    counted = await tools.use("text_statistics", path="a", n_words=1)
    assert counted.content.split("\n")[0] == "lines: 2"
    assert counted.content.split("\n")[-1] == "frequent words: one 2"
    compared = await tools.use("text_compare", path="a", other="b")
    assert "-one" in compared.content
    assert (await tools.use("text_compare", path="a", other="a")).content == (
        "The files have the same text."
    )
