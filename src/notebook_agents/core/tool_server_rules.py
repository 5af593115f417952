"""What a tool server may look like: texts, places, and the commands that people may start.

The deployment lists commands as templates of a whole command line: ``kubectl-mcp --cluster *``.
Words must be equal, ``*`` is any one word. ``NAME=`` before the command allows that environment
variable; no other may be set. There is no shell anywhere.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from notebook_agents.core.errors import InvalidRequest, NotPermitted

if TYPE_CHECKING:
    from notebook_agents.core.tool_servers import ToolServer

ToolServerKind: TypeAlias = Literal["stdio", "sse", "http"]
"""A program that is spoken to over its input and output, or an address: events, or HTTP streams."""
MASKED = "********"
"""As long for every secret; given back it keeps the secret there is."""
MAX_NAME_CHARS = 100
MAX_DESCRIPTION_CHARS = 2_000
MAX_TEXT_CHARS = 4_096
"""Of a command, an argument or a URL."""
MAX_SECRET_CHARS = 16_384
"""Keys in several lines are variables too."""
MAX_ARGS = 64
MAX_SECRETS = 64
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
OUR_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "mcp-protocol-version",
        "mcp-session-id",
        "transfer-encoding",
        "upgrade",
    }
)
"""Not for users to set."""


class Commands:
    """Which commands others than administrators may start."""

    def __init__(self, templates: Iterable[str]) -> None:
        self._templates = [_template(text) for text in templates]

    def require(self, server: ToolServer) -> None:
        """NotPermitted for a command that nobody allowed."""
        if server.kind != "stdio" or server.is_trusted:
            return
        line = [server.command, *server.args]
        if not any(
            _fits(words, line) and names.issuperset(server.secret_names)
            for names, words in self._templates
        ):
            raise NotPermitted(
                f"the command {shlex.join(line)[:200]!r} with these variables is not allowed here;"
                " an administrator can register it, or list it: mcp_commands"
            )


def _template(text: str) -> tuple[frozenset[str], list[str]]:
    words = shlex.split(text)
    n_names = 0
    while n_names < len(words) and _VARIABLE.fullmatch(words[n_names].removesuffix("=")):
        if not words[n_names].endswith("="):
            break
        n_names += 1
    return frozenset(word.removesuffix("=") for word in words[:n_names]), words[n_names:]


def _fits(template: list[str], line: list[str]) -> bool:
    return len(template) == len(line) and all(
        wanted in {"*", word} for wanted, word in zip(template, line, strict=True)
    )


def check_texts(server: ToolServer) -> None:
    """Raise InvalidRequest naming the field that is empty, too long or has control characters."""
    if not server.slug:
        raise InvalidRequest("the name needs a letter or a digit", field="name")
    _check("name", server.name, MAX_NAME_CHARS)
    if len(server.description) > MAX_DESCRIPTION_CHARS:
        raise InvalidRequest(
            f"a description has at most {MAX_DESCRIPTION_CHARS} characters", field="description"
        )
    _check("command", server.command, MAX_TEXT_CHARS)
    _check("url", server.url, MAX_TEXT_CHARS)
    if len(server.args) > MAX_ARGS:
        raise InvalidRequest(f"a command has at most {MAX_ARGS} arguments", field="args")
    for arg in server.args:
        if len(arg) > MAX_TEXT_CHARS or "\0" in arg:
            raise InvalidRequest("an argument is too long or has a NUL", field="args")


def _check(field: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise InvalidRequest(f"a {field} has at most {longest} characters", field=field)
    if not text.isprintable():
        raise InvalidRequest(f"a {field} has no control characters", field=field)


def check_place(server: ToolServer) -> None:
    """Raise InvalidRequest when the kind does not fit what is given."""
    is_program = server.kind == "stdio"
    if is_program and not server.command:
        raise InvalidRequest("a stdio server needs a command", field="command")
    if is_program and server.url:
        raise InvalidRequest("a stdio server has no url", field="url")
    if not is_program and not server.url:
        raise InvalidRequest(f"a server of type {server.kind} needs a url", field="url")
    if not is_program and (server.command or server.args):
        raise InvalidRequest(f"a server of type {server.kind} has no command", field="command")
    field = "env" if is_program else "headers"
    if len(server.secret_names) > MAX_SECRETS:
        raise InvalidRequest(f"at most {MAX_SECRETS} of them", field=field)
    pattern = _VARIABLE if is_program else _HEADER
    for name in server.secret_names:
        if not pattern.fullmatch(name):
            raise InvalidRequest(f"{name[:80]!r} is no name for it", field=field)
        if not is_program and name.lower() in OUR_HEADERS:
            raise InvalidRequest(f"the header {name!r} is not yours to set", field=field)


def filled_in(
    kind: ToolServerKind, given: Mapping[str, str], stored: Mapping[str, str]
) -> dict[str, str]:
    """The secrets, masked values replaced by those that are stored."""
    values: dict[str, str] = {}
    for name, value in given.items():
        if value == MASKED:
            if name not in stored:
                raise InvalidRequest(f"{name!r} is masked and there is no value to keep for it")
            value = stored[name]
        is_fine = value.isprintable() if kind != "stdio" else "\0" not in value
        if len(value) > MAX_SECRET_CHARS or not is_fine:
            raise InvalidRequest(f"the value of {name!r} is too long or has control characters")
        values[name] = value
    return values
