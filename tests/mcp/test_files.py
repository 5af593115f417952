"""Files of servers: JSON and YAML within bounds."""

from __future__ import annotations

import time
from typing import Any

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.mcp import files

SERVERS: dict[str, Any] = {
    "mcpServers": {"a: b": {"command": "c", "args": ["no", "0777", "1:30"], "enabled": True}}
}
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize("format", ["json", "yaml"])
def test_S_50_what_is_written_is_read_back(format: Any) -> None:
    assert files.read(files.write(SERVERS, format).encode()) == SERVERS


def test_other_ways_to_write_the_same() -> None:
    assert files.read(b"\xef\xbb\xbf[1]") == [1]
    assert files.read(b"{a: 1, b: [x]}") == {"a": 1, "b": ["x"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BOMB.encode(), "anchors or aliases"),
        (b"[" * 40 + b"]" * 40, "deep"),
        (b"- " * 40 + b"x", "deep"),
        (b"[" * 100_000, "deep"),
        (b"[" + b"1," * 20_000 + b"1]", "10000 values"),
        (b"x" * (300 << 10), "larger than 256 KiB"),
        (b'{"a": 1, "a": 2}', "a key twice"),
        (b"[NaN]", "NaN"),
        (b"\xff\xfe", "UTF-8"),
        (b"!!python/object/apply:os.system ['id']", "no valid"),
        (b"a: [", "in line"),
        (b"a: " + b":".join([b"1"] * 100_000), "32768 characters"),
    ],
)
def test_what_is_too_much_or_broken_is_refused_at_once(content: bytes, words: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidRequest, match=words) as refused:
        files.read(content)
    assert refused.value.details["field"] == "file"
    assert time.process_time() - began < 2
