"""Files of tool servers: JSON or YAML within bounds, and back.

A short YAML text can stand for an enormous value, so anchors and aliases are refused while the text
is only events, before anything is built from it.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Literal

from notebook_agents.core.errors import InvalidRequest

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 256 << 10
MAX_DEPTH = 32
MAX_NODES = 10_000
MAX_SCALAR_CHARS = 32_768
"""Of one YAML value: a number of base 60 that is longer takes seconds to read."""
MAX_NUMBER = 2**63
MERGE_TAG = "tag:yaml.org,2002:merge"


def read(content: bytes) -> Any:
    """The value of the text; InvalidRequest on the field ``file`` says what is wrong with it."""
    if len(content) > MAX_BYTES:
        raise _wrong(f"the file is larger than {MAX_BYTES >> 10} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong("the file is not UTF-8 text") from None
    if text.lstrip()[:1] in {"{", "["}:
        return _read_json(text)
    return _read_yaml(text)


def write(value: Any, format: Literal["json", "yaml"]) -> str:
    """The value as a text."""
    if format == "json":
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    import yaml

    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


def _read_json(text: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise _wrong(f"the file is nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        try:
            return _read_yaml(text)  # YAML may begin so too
        except InvalidRequest:
            raise _wrong(f"the file is no valid JSON: {error}") from None
    return _checked(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _wrong("the file names a key twice")
    return found


def _no_constant(name: str) -> Any:
    raise _wrong(f"{name} is no value")


def _checked(value: Any) -> Any:
    _count(value, 0, [0])
    return value


def _count(value: Any, depth: int, n_nodes: list[int]) -> None:
    n_nodes[0] += 1
    if depth > MAX_DEPTH:
        raise _wrong(f"the file is nested more than {MAX_DEPTH} deep")
    if n_nodes[0] > MAX_NODES:
        raise _wrong(f"the file has more than {MAX_NODES} values")
    if (isinstance(value, float) and not math.isfinite(value)) or (
        isinstance(value, int) and abs(value) >= MAX_NUMBER
    ):
        raise _wrong("a number is too large, or none")
    if isinstance(value, str) and not value.isascii():
        _check_text(value)
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    for part in inner if isinstance(inner, list) else ():
        _count(part, depth + 1, n_nodes)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _wrong("a text has half a character (a lone surrogate)") from None


def _read_yaml(text: str) -> Any:
    import yaml

    depth = n_nodes = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _wrong("the file has YAML anchors or aliases; write values out")
            if len(getattr(event, "value", "")) > MAX_SCALAR_CHARS:
                raise _wrong(f"a value has more than {MAX_SCALAR_CHARS} characters")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            n_nodes += isinstance(event, yaml.NodeEvent)
            if depth > MAX_DEPTH or n_nodes > MAX_NODES:
                raise _wrong(
                    f"the file is nested more than {MAX_DEPTH} deep or has more than"
                    f" {MAX_NODES} values"
                )
        return _checked(yaml.load(text, Loader=_loader()))  # noqa: S506 - a safe loader, see there
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where is not None else ""
        raise _wrong(f"the file is no valid JSON or YAML{line}") from None


def _loader() -> type[yaml.SafeLoader]:
    """PyYAML's safe loader, which takes a key twice and merges maps; this one does not."""
    import yaml

    class PlainLoader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            """A map as it is written."""
            if any(key.tag == MERGE_TAG for key, _ in node.value):
                raise _wrong("the file merges maps (<<); write values out")
            found = super().construct_mapping(node, deep=deep)
            if len(found) != len(node.value):
                raise _wrong("the file names a key twice")
            return found

    return PlainLoader


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="file")
