"""Parsers under changed input: each committed seed as it is, then some hundred mutations of it.

The mutations are the same in every run. A case that once failed is added to the corpus.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .parsers import TARGETS

CORPUS = Path(__file__).with_name("corpus")
N_MUTATIONS = 150
ODD = (
    *(b"\x00", b"\xff\xfe", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80", b"\\u0000", b"\\ud800", b"\n"),
    *(b'"', b"'", b"{", b"}" * 50, b"[" * 500, b"{{", b"}}", b"<tool_call>", b"</tool_call>"),
    *(b"9" * 400, b"-1", b"1e999", b"NaN", b"../", b"\\", b"@", b"#", b"%00", b"\r\n\r\n", b"--b"),
)


def seeds(name: str) -> list[bytes]:
    """What is committed for a parser."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


@st.composite
def mutated(draw: st.DrawFn, found: list[bytes]) -> bytes:
    """A seed after some cuts, repetitions, insertions and joints."""
    data = draw(st.sampled_from(found))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(at + draw(st.integers(0, 16)), len(data))
        match draw(st.sampled_from(("cut", "repeat", "insert", "byte", "join"))):
            case "cut":
                middle = b""
            case "repeat":
                middle = data[at:end] * draw(st.integers(2, 40))
            case "insert":
                middle = draw(st.sampled_from(ODD)) + data[at:end]
            case "byte":
                middle = bytes([draw(st.integers(0, 255))])
            case _:
                middle = draw(st.sampled_from(found))
        data = data[:at] + middle + data[end:]
    return data


def test_every_parser_has_a_corpus() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_fails_only_as_its_caller_expects(name: str) -> None:
    found, target = seeds(name), TARGETS[name]
    assert found
    for seed in found:
        target(seed)

    @settings(
        max_examples=N_MUTATIONS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(found))
    def mutations(data: bytes) -> None:
        target(data)

    mutations()
