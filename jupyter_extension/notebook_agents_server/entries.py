"""The verbs of our routes as the API documents need them: path, handler, shapes, words.

Read from the route tables and the handlers themselves, so that nothing can be described that is
not there, and nothing that is there can be forgotten.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from notebook_agents_server.base import BaseHandler, Route, UnknownPath
from notebook_agents_server.components import ANSWER, REQUEST, Mode
from notebook_agents_server.door import LOOKING, Door
from notebook_agents_server.operations import Conversation, Operation, Shape
from notebook_agents_server.path_templates import Template, templates
from notebook_agents_server.sockets import BaseSocket

DESCRIBED_VERBS = ("get", "post", "put", "patch", "delete")
NO_RESOURCE = re.compile(r"v\d+|api|ws|notebook-agents")
"""Segments of a path that name no resource."""
_OWN_PATH = re.compile(r"^``[^`]+``:?\s*")
"""What the docstring of a socket begins with."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One verb of one path."""

    template: Template
    verb: str
    handler: type[Door]
    number: int
    """Which it is of the paths of its dialect with the same verb and handler, from 1."""

    @property
    def path(self) -> str:
        """The path with ``{names}``."""
        return self.template.path

    @cached_property
    def operation(self) -> Operation:
        """What the verb takes and gives."""
        return vars(self._method).get("operation") or Operation()

    @cached_property
    def conversation(self) -> Conversation | None:
        """What a socket says and hears; None for what is no socket."""
        return getattr(self.handler, "conversation", None)

    @property
    def is_socket(self) -> bool:
        """Whether it opens a WebSocket."""
        return issubclass(self.handler, BaseSocket)

    @property
    def section(self) -> str:
        """The dialect it belongs to, or what shares it."""
        package = self.handler.__module__.partition(".dialects.")[2].partition(".")[0]
        return package.removesuffix("_routes") or self.handler.dialect.name

    @property
    def is_described(self) -> bool:
        """Whether the handler says what it takes and gives."""
        return self.conversation is not None or "operation" in vars(self._method)

    @property
    def words(self) -> tuple[str, str]:
        """The first line of the docstring, and the rest."""
        owner = self.handler if self.is_socket else self._method
        text = _OWN_PATH.sub("", inspect.cleandoc(owner.__doc__ or ""))
        first, _, rest = text.partition("\n")
        return _markdown(first).removesuffix("."), _markdown(rest.strip())

    @property
    def name(self) -> str:
        """A name of its own among the entries of its dialect."""
        end = str(self.number) if self.number > 1 else ""
        return f"{self.verb}{self.handler.__name__}{end}"

    @property
    def resource(self) -> str:
        """What it is about."""
        if self.is_socket:
            return "websockets"
        segments = self.path.strip("/").split("/")
        named = (part for part in segments if not NO_RESOURCE.fullmatch(part))
        return self.operation.tag or next(named, "server")

    @property
    def scope(self) -> str:
        """What a credential must be good for."""
        return self.handler.scope or ("read" if self.verb.upper() in LOOKING else "write")

    @property
    def limit_group(self) -> str:
        """The group of rate limits it counts in."""
        return self.handler.limit_groups.get(self.verb, self.handler.limit_group)

    @property
    def query(self) -> type[BaseModel] | None:
        """The parameters of its query."""
        return (self.conversation or self.operation).query

    def shapes(self) -> Iterator[tuple[Shape, Mode]]:
        """Everything that needs a schema."""
        if self.conversation is not None:
            yield self.conversation.sends, ANSWER
            yield self.conversation.receives, REQUEST
        operation = self.operation
        for shape in (*operation.bodies.values(), self.query):
            if shape is not None:
                yield shape, REQUEST
        for shape in (operation.answer, *operation.others.values()):
            if shape is not None:
                yield shape, ANSWER

    def example(self, kind: str) -> Any:
        """The document's example of a ``request`` or ``response``; None without one."""
        stem = self.conversation.example if self.conversation else self.operation.example
        folder = Path(sys.modules[self.handler.__module__].__file__ or "").parent
        file = folder / "examples" / f"{stem}_{kind}.json"
        return json.loads(file.read_bytes()) if stem and file.is_file() else None

    @property
    def _method(self) -> Any:
        return getattr(self.handler, self.verb)


def entries(routes: Sequence[Route]) -> list[Entry]:
    """Every verb that is offered; of two with the same path the first answers."""
    found: dict[tuple[str, str], Entry] = {}
    n_named: Counter[tuple[str, str]] = Counter()
    for template, verb, handler in _verbs_of(routes):
        if (template.path, verb) not in found:
            name = (handler.dialect.name, verb + handler.__name__)
            n_named[name] += 1
            found[template.path, verb] = Entry(
                template=template, verb=verb, handler=handler, number=n_named[name]
            )
    return list(found.values())


def _verbs_of(routes: Sequence[Route]) -> Iterator[tuple[Template, str, type[Door]]]:
    for pattern, handler in routes:
        if not issubclass(handler, Door) or issubclass(handler, UnknownPath):
            continue
        if getattr(handler, "is_internal", False):  # what pages load is no part of the API
            continue
        for verb in verbs_of(handler):
            for template in templates(pattern, group_names(pattern, handler, verb)):
                yield template, verb, handler


def verbs_of(handler: type[Door]) -> list[str]:
    """The verbs that it offers, in lower case."""
    if issubclass(handler, BaseSocket):
        return ["get"]
    missing = {verb: getattr(BaseHandler, verb) for verb in DESCRIBED_VERBS}
    return [verb for verb in DESCRIBED_VERBS if getattr(handler, verb) is not missing[verb]]


def group_names(pattern: str, handler: type[Door], verb: str) -> list[str]:
    """How a verb calls the groups of its path."""
    told: Conversation | None = getattr(handler, "conversation", None)
    if issubclass(handler, BaseSocket):
        return list(told.names) if told else ["id"] * re.compile(pattern).groups
    parameters = inspect.signature(getattr(handler, verb)).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [found.name for found in parameters if found.kind in positional][1:]


def _markdown(text: str) -> str:
    return text.replace("``", "`")
