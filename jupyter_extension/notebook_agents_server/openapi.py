"""The API documents: one OpenAPI 3.1 description of any routes, generated from them.

What every door does is said here once: credentials, errors with the body of the dialect, rate
limits, request ids. The rest comes from the handlers, see `entries`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from notebook_agents.core.errors import (
    InvalidRequest,
    LimitExceeded,
    NotAuthenticated,
    NotFound,
    NotPermitted,
)
from notebook_agents_server.base import VERSION, Dialect, Route
from notebook_agents_server.components import ANSWER, REQUEST, Components, Schema
from notebook_agents_server.entries import Entry, entries
from notebook_agents_server.failures import (
    INTERNAL_CLOSE_CODE,
    INTERNAL_STATUS,
    TOO_LARGE_STATUS,
)
from notebook_agents_server.operations import JSON, Conversation
from notebook_agents_server.path_templates import ANY_SEGMENT, ANY_SEGMENTS
from notebook_agents_server.sockets import BEARER_SUBPROTOCOL, TOO_SLOW_CLOSE_CODE

EVENT_STREAM = "text/event-stream"
OPENAPI = "3.1.1"
VALUES = ("json", "yaml")
CREDENTIALS = """\
## Credentials

Send `Authorization: Bearer <credential>`. A credential is one of

- a token from one of the logins described here (one account and one token are good for all APIs of
  this server),
- an API key, made with `jupyter agents keys create NAME` on the server's machine,
- Jupyter's own token, which is the owner's; under JupyterHub, a token of the Hub.

On these pages: press *Authorize*, paste the credential, and *Try it out* sends it. These pages and
documents need none.
"""
SOCKET_WORDS = """\
A WebSocket. The credential comes in the `Authorization` header, as `?token=` or `?api_key=`, or as
the subprotocol `bearer.<token>`{later}. A request that is no handshake is refused.

- The server sends: {sends}.
- The client may send: {receives}.

Their schemas and the close codes are in `x-websocket`."""
LATER = ', or in a first frame `{"type": "auth", "token": "…"}`'
ERRORS: Mapping[int, str] = {
    400: "The request is not valid.",
    401: "There is no valid credential.",
    403: "The credential does not allow this, or the host or its settings do not.",
    404: "There is no such thing, or it is somebody else's.",
    409: "It conflicts with what is there.",
    413: "The body is too large.",
    422: "The request is not valid.",
    429: "Too many requests; `Retry-After` says when to come back.",
    500: "The server failed; its log has the request's name.",
    503: "What is needed is not available now.",
}
HEADERS: Mapping[str, tuple[str, str]] = {
    "X-Request-ID": ("string", "The request's name, the client's own where it sent a sane one."),
    "X-RateLimit-Limit": ("integer", "Requests in a window, where this request is limited."),
    "X-RateLimit-Remaining": ("integer", "Requests that are left in the window."),
    "X-RateLimit-Reset": ("integer", "When the window ends, epoch seconds."),
    "Retry-After": ("integer", "Seconds until another try has a chance."),
}
ON_EVERY_ANSWER = tuple(name for name in HEADERS if name != "Retry-After")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What a document says of one dialect."""

    dialect: Dialect
    entries: Sequence[Entry]
    components: Components
    prefix: str
    """Of names, where the document has several dialects."""

    @classmethod
    def of(cls, dialect: Dialect, found: Sequence[Entry], *, prefix: str) -> Section:
        """The section of these entries."""
        shapes = [shape for entry in found for shape in entry.shapes()]
        if dialect.error_model is not None:
            shapes.append((dialect.error_model, ANSWER))
        components = Components(shapes, prefix=prefix)
        return cls(dialect=dialect, entries=found, components=components, prefix=prefix)

    def tag(self, entry: Entry) -> str:
        """The group of an entry."""
        return f"{self.prefix}: {entry.resource}" if self.prefix else entry.resource

    def name(self, entry: Entry) -> str:
        """The name of an entry."""
        name = entry.name[0].upper() + entry.name[1:]
        name = self.prefix + name
        return name[0].lower() + name[1:]

    def headers(self, *names: str) -> dict[str, Schema]:
        """References to the headers of an answer."""
        wanted = (*ON_EVERY_ANSWER, *self.dialect.headers, *names)
        return {name: {"$ref": f"#/components/headers/{name}"} for name in wanted}


def describe(
    routes: Sequence[Route], *, title: str, servers: Sequence[str], words: str = ""
) -> dict[str, Any]:
    """The document of some routes.

    ``servers`` are URLs relative to this server's origin; ``words`` introduce the document.
    """
    sections = _sections(entries(routes))
    paths: dict[str, Any] = {}
    for section in sections:
        for entry in section.entries:
            paths.setdefault(entry.path, {})[entry.verb] = _operation(entry, section)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": title,
            "version": VERSION,
            "description": f"{words}\n\n{CREDENTIALS}".lstrip(),
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": url or "/"} for url in servers],
        **_tags(sections),
        "paths": paths,
        "components": _components(sections, mount=servers[0] if servers else ""),
    }


def _sections(found: Iterable[Entry]) -> list[Section]:
    groups: dict[str, list[Entry]] = {}
    for entry in found:
        groups.setdefault(entry.section, []).append(entry)
    is_alone = len(groups) < 2
    return [
        Section.of(
            group[0].handler.dialect,
            group,
            prefix="" if is_alone else "".join(part.title() for part in re.split("[-_]", name)),
        )
        for name, group in groups.items()
    ]


def _tags(sections: Sequence[Section]) -> dict[str, Any]:
    groups: dict[str, list[str]] = {}
    for section in sections:
        group = groups.setdefault(section.dialect.title or section.dialect.name, [])
        group += dict.fromkeys(map(section.tag, section.entries))
    tags = {"tags": [{"name": tag} for group in groups.values() for tag in group]}
    if len(sections) < 2:
        return tags
    return tags | {"x-tagGroups": [{"name": name, "tags": group} for name, group in groups.items()]}


# -- one verb ----------------------------------------------------------------------------------


def _operation(entry: Entry, section: Section) -> dict[str, Any]:
    summary, rest = entry.words
    told = entry.conversation
    said = {
        "operationId": section.name(entry),
        "summary": summary,
        "description": "\n\n".join(filter(None, (rest, _talk(told, section), _limit(entry)))),
        "tags": [section.tag(entry)],
        "parameters": _parameters(entry, section.components),
        "requestBody": _request(entry, section.components),
        "responses": _responses(entry, section),
        "security": _security(entry, section),
        "x-required-scope": "" if entry.handler.is_public else entry.scope,
        "x-websocket": told and _websocket(entry, told, section),
    }
    always = ("security", "responses")
    return {key: value for key, value in said.items() if value or key in always}


def _talk(told: Conversation | None, section: Section) -> str:
    """What a socket is for, for readers of pages that do not show `x-websocket`."""
    if told is None:
        return ""
    components = section.components
    return SOCKET_WORDS.format(
        later=LATER if told.waits_for_credential else "",
        sends=components.kinds(components.of(told.sends, ANSWER)),
        receives=components.kinds(components.of(told.receives, REQUEST)),
    )


def _limit(entry: Entry) -> str:
    group = entry.limit_group
    rate = entry.handler.dialect.limits.get(group, "")
    if not rate or (entry.handler.is_public and group == "general"):
        return ""
    return f"Rate limit, if the deployment did not change it: {rate} ({group})."


def _parameters(entry: Entry, components: Components) -> list[Schema]:
    found: list[Schema] = []
    for parameter in entry.template.parameters:
        schema: Schema = {"type": "string", "minLength": 1}
        if parameter.pattern not in (ANY_SEGMENT, ANY_SEGMENTS):
            schema = {"type": "string", "pattern": f"^(?:{parameter.pattern})$"}
        said: Schema = {"name": parameter.name, "in": "path", "required": True, "schema": schema}
        if parameter.pattern == ANY_SEGMENTS:
            said["description"] = "May have slashes, as they are or as `%2F`."
        found.append(said)
    query = entry.query
    return found + (components.parameters(query) if query is not None else [])


def _request(entry: Entry, components: Components) -> Schema | None:
    example = entry.example("request")
    content: Schema = {}
    is_required = False
    for kind, shape in entry.operation.bodies.items():
        schema = components.of(shape, REQUEST)
        is_required |= bool(components.resolved(schema).get("required"))
        content[kind] = {"schema": schema} | ({"example": example} if example else {})
    for kind in entry.operation.files:
        is_required = True
        # What is no text is bytes, which a schema of JSON says nothing about.
        content[kind] = {"schema": {"type": "string"}} if kind.startswith("text/") else {}
    return {"required": is_required, "content": content} if content else None


def _responses(entry: Entry, section: Section) -> dict[str, Schema]:
    operation = entry.operation
    found: dict[str, Schema] = {}
    if entry.is_socket:
        found["101"] = {"description": "The WebSocket is open."}
    else:
        found[str(operation.status)] = _answer(entry, section)
    for status, shape in operation.others.items():
        schema = section.components.of(shape, ANSWER)
        found[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "headers": section.headers(),
            "content": {JSON: {"schema": schema}},
        }
    for status in error_statuses(entry):
        place = f"#/components/responses/{section.prefix}Error{status}"
        found.setdefault(str(status), {"$ref": place})
    return found


def _answer(entry: Entry, section: Section) -> Schema:
    operation = entry.operation
    phrase = HTTPStatus(operation.status).phrase
    said: Schema = {"description": phrase, "headers": section.headers()}
    if operation.answer is not None:
        example = entry.example("response")
        schema = section.components.of(operation.answer, ANSWER)
        media = {"schema": schema} | ({"example": example} if example else {})
        said["content"] = {operation.content_type: media}
    elif operation.content_type != JSON:
        text = {"schema": {"type": "string"}}
        # A schema of a stream of events would be that of one event, and JSON and YAML are no text.
        kinds = operation.content_type.split(", ")
        is_text = {kind: kind != EVENT_STREAM and kind[-4:] not in VALUES for kind in kinds}
        said["content"] = {kind: text if is_text[kind] else {} for kind in kinds}
    return said


def error_statuses(entry: Entry) -> list[int]:
    """Every error that a verb may answer with."""
    dialect, operation = entry.handler.dialect, entry.operation
    found = {403, INTERNAL_STATUS, 503, *operation.errors}
    if not entry.handler.is_public:
        found.add(dialect.status_of(NotAuthenticated("")))
    if entry.template.parameters:
        found.add(dialect.status_of(NotFound("", "")))
    if operation.bodies:
        found.add(TOO_LARGE_STATUS)
    if operation.bodies or entry.query or entry.is_socket:
        wrong_field = InvalidRequest("", problems=[("field", "is wrong")])
        found |= {dialect.status_of(InvalidRequest("")), dialect.status_of(wrong_field)}
    if entry.is_socket:
        found.add(400)
    if dialect.limits:
        found.add(dialect.status_of(LimitExceeded("")))
    return sorted(found)


def _security(entry: Entry, section: Section) -> list[dict[str, list[str]]]:
    if entry.handler.is_public:
        return []
    ways: list[dict[str, list[str]]] = [{"bearer": []}, {"jupyterToken": []}, {"queryToken": []}]
    if _login(section.entries) is not None:
        ways.append({"password": []})
    return ways


def _login(found: Iterable[Entry]) -> Entry | None:
    """A login that takes a form, as OAuth2 has it."""
    logins = (entry for entry in found if entry.path.endswith("/login") and entry.operation.form)
    return next(logins, None)


def _websocket(entry: Entry, told: Conversation, section: Section) -> Schema:
    dialect = entry.handler.dialect
    codes = {
        dialect.close_code_of(NotAuthenticated("")): "The credential is missing or not valid.",
        dialect.close_code_of(NotPermitted("")): "The credential does not allow this.",
        dialect.close_code_of(NotFound("", "")): "There is no such thing.",
        INTERNAL_CLOSE_CODE: "The server failed.",
        TOO_SLOW_CLOSE_CODE: "The client reads too slowly, or sends too much.",
        **told.close_codes,
    }
    examples = {"client": entry.example("request"), "server": entry.example("response")}
    return {
        "sends": section.components.of(told.sends, ANSWER),
        "receives": section.components.of(told.receives, REQUEST),
        "subprotocol": f"{BEARER_SUBPROTOCOL}<token>",
        "closeCodes": {str(code): codes[code] for code in sorted(codes)},
        "examples": {side: example for side, example in examples.items() if example},
    }


# -- what operations refer to ------------------------------------------------------------------


def _components(sections: Sequence[Section], *, mount: str) -> dict[str, Any]:
    schemas: dict[str, Schema] = {}
    responses: dict[str, Schema] = {}
    headers = {
        name: {"description": words, "schema": {"type": kind}}
        for name, (kind, words) in HEADERS.items()
    }
    for section in sections:
        schemas |= section.components.schemas
        responses |= _errors(section)
        own = dict(section.dialect.headers)
        if section.dialect.retry_after_header:
            own[section.dialect.retry_after_header] = "Retry-After, as the document calls it."
        for name, words in own.items():
            headers[name] = {"description": words, "schema": {"type": "string"}}
    return {
        "schemas": schemas,
        "responses": responses,
        "headers": headers,
        "securitySchemes": _schemes([entry for s in sections for entry in s.entries], mount),
    }


def _errors(section: Section) -> dict[str, Schema]:
    """One answer for every status that entries of the section refer to."""
    dialect = section.dialect
    found: dict[str, Schema] = {}
    for status in sorted({s for entry in section.entries for s in error_statuses(entry)}):
        more = ("Retry-After", dialect.retry_after_header) if status in (429, 503) else ()
        schema = section.components.of(dialect.error_model, ANSWER) if dialect.error_model else {}
        found[f"{section.prefix}Error{status}"] = {
            "description": ERRORS.get(status) or HTTPStatus(status).phrase,
            "headers": section.headers(*filter(None, more)),
            "content": {JSON: {"schema": schema}},
        }
    return found


def _schemes(found: Sequence[Entry], mount: str) -> dict[str, Schema]:
    schemes: dict[str, Schema] = {}
    if (login := _login(found)) is not None:
        # A login may do all that its user may, so no scopes can be asked for.
        flow = {"tokenUrl": mount.rstrip("/") + login.path, "scopes": {}}
        schemes["password"] = {"type": "oauth2", "flows": {"password": flow}}
    schemes["queryToken"] = {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "Jupyter's token alone; at WebSockets any credential.",
    }
    schemes["jupyterToken"] = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "Jupyter's way to write it: `token <Jupyter's token>`.",
    }
    # Swagger UI opens its form at the last one.
    schemes["bearer"] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT or API key",
        "description": "A token of a login, an API key, or Jupyter's token.",
    }
    return schemes
