"""What a handler's path is called where requests are counted: its pattern with ``{names}``.

Handlers may be mounted at several places; below each they have the same path, and that names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from notebook_agents_server.base import UnknownPath
from notebook_agents_server.door import Door
from notebook_agents_server.entries import group_names, verbs_of
from notebook_agents_server.path_templates import templates

if TYPE_CHECKING:
    from tornado.web import RequestHandler

    from notebook_agents_server.base import Route

_GROUP = re.compile(r"\((?:\?P<\w+>)?[^()]*\)")


def route_names(routes: Iterable[Route]) -> Mapping[type[RequestHandler], str]:
    """The names of handlers; of one with several paths the first."""
    found: dict[type[RequestHandler], str] = {}
    for pattern, handler in routes:
        if handler in found or not issubclass(handler, Door) or issubclass(handler, UnknownPath):
            continue
        if verbs := verbs_of(handler):
            found[handler] = handler.endpoint or _name(pattern, handler, verbs[0])
    return found


def _name(pattern: str, handler: type[Door], verb: str) -> str:
    return _path(pattern, tuple(group_names(pattern, handler, verb)))


@cache
def _path(pattern: str, names: tuple[str, ...]) -> str:
    try:
        return templates(pattern, names)[0].path
    except ValueError:  # a pattern that no document describes
        return _GROUP.sub("{}", pattern)
