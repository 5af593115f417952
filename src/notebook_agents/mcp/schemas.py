"""The schemas of tool servers, and whether a value fits one.

A schema is a stranger's program: its regular expressions could take forever, references that
branch could too, and one to elsewhere would be a request. So these parts are left to the server,
references are counted, and nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.mcp.plain_text import plain

MAX_SCHEMA_CHARS = 16_384
MAX_SCHEMA_DEPTH = 24
MAX_REFERENCES = 5_000
"""That are followed for one value; a list of a thousand things follows some thousand."""
LEFT_TO_THE_SERVER = (
    "pattern",
    "patternProperties",
    "format",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
)
"""Expressions, and keywords whose work grows faster than the schema and the value."""
Keyword = Callable[[Any, Any, Any, Any], Iterable[Any] | None]


class _TooManyReferencesError(Exception):
    """Checking the value would take too long."""


def unusable(schema: Mapping[str, Any]) -> str:
    """Why a schema of a tool's arguments or results cannot be used; empty when it can."""
    from jsonschema.exceptions import SchemaError

    if len(json.dumps(schema)) > MAX_SCHEMA_CHARS:
        return f"its schema is longer than {MAX_SCHEMA_CHARS} characters"
    if _depth(schema) > MAX_SCHEMA_DEPTH:
        return f"its schema is nested more than {MAX_SCHEMA_DEPTH} deep"
    if schema.get("type") != "object":
        return "its arguments are no object"
    try:
        _validator(schema).check_schema(_in_our_words(schema))
    except SchemaError as error:
        return f"its schema is not valid: {plain(error.message, 200)}"
    except RecursionError:
        return "its schema goes around in circles"
    return ""


def validated(schema: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as they are; InvalidRequest names the wrong one."""
    if problem := problem_of(schema, dict(value)):
        raise InvalidRequest(problem, field="arguments")
    return dict(value)


def problem_of(schema: Mapping[str, Any], value: Any) -> str:
    """What is wrong with a value; empty when nothing is."""
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        error = best_match(_validator(schema).iter_errors(value))
    except (Unresolvable, RecursionError):
        return "the tool's schema refers to what is not there"
    except _TooManyReferencesError:
        return "there is too much to check by the tool's schema"
    if error is None:
        return ""
    where = ".".join(str(part) for part in error.absolute_path)
    return plain(f"{where}: {error.message}" if where else error.message, 500)


def _depth(value: Any, level: int = 0) -> int:
    if level > MAX_SCHEMA_DEPTH:
        return level
    inner: Iterable[Any] = ()
    if isinstance(value, Mapping):
        inner = value.values()
    elif isinstance(value, list):
        inner = value
    return max((_depth(part, level + 1) for part in inner), default=level)


def _validator(schema: Mapping[str, Any]) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry

    known, n_references = Draft202012Validator.VALIDATORS, count(1)
    keywords: dict[str, Keyword] = dict.fromkeys(LEFT_TO_THE_SERVER, _anything)
    for name in ("$ref", "$dynamicRef"):
        keywords[name] = _counted(known[name], n_references)
    keywords["additionalProperties"] = _without_expressions(known["additionalProperties"])
    ours = extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]
    # An empty registry: nothing is fetched for a reference to elsewhere.
    return ours(_in_our_words(schema), registry=Registry())


def _in_our_words(value: Any) -> Any:
    """A part that names a version of the language would be checked with all of its keywords."""
    if isinstance(value, Mapping):
        return {
            name: _in_our_words(part)
            for name, part in value.items()
            if name != "$schema" or not isinstance(part, str)
        }
    return [_in_our_words(part) for part in value] if isinstance(value, list) else value


def _anything(*_arguments: Any) -> None:
    return None


def _counted(follow: Any, n_references: Iterator[int]) -> Keyword:
    def keyword(validator: Any, reference: Any, value: Any, schema: Any) -> Iterator[Any]:
        if next(n_references) > MAX_REFERENCES:
            raise _TooManyReferencesError
        yield from follow(validator, reference, value, schema)

    return keyword


def _without_expressions(check: Any) -> Keyword:
    """Which properties are additional may be for expressions to say."""

    def keyword(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        if "patternProperties" not in schema:
            yield from check(validator, wanted, value, schema)

    return keyword
