"""What reads the bytes of others, each as one function that must never fail in its own way.

A target gets bytes and raises only what its caller expects; what it returns is checked for what
always holds. `TARGETS` names them as the folders of the corpus.
"""

from __future__ import annotations

import hmac
import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlsplit

from notebook_agents.core.call_texts import json_once
from notebook_agents.core.code_effects import assess_code
from notebook_agents.core.command_effects import assess_command
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.messages import ToolCallPart
from notebook_agents.core.sql_effects import assess_sql
from notebook_agents.core.substitution import check_names, substitute, variables_of
from notebook_agents.core.visible_text import visible
from notebook_agents.engine.parser import ToolCallParser
from notebook_agents.eventlog.segments import event_of, line_of
from notebook_agents.outbound.targets import parse_target
from notebook_agents.sandbox.channels import DELIMITER, Violation, parse
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents_server.dialects.agent_c.chat_mapping import Place
from notebook_agents_server.uploads import FormReader

KEY = b"key"
BOUNDARY = "multipart/form-data; boundary=b"
VALUE = "{{ other }}{% x %}"
SOME_DAY = datetime(2026, 2, 28, 23, 59, tzinfo=UTC)


def event_line(data: bytes) -> None:
    """A line of the log is an event or nothing, and an event is written as it was read."""
    event = event_of(data)
    if event is not None:
        assert event_of(line_of(event).rstrip(b"\n")) == event


def tool_calls(data: bytes) -> None:
    """However an answer is cut into pieces, it says the same."""
    text = data.decode("utf-8", "replace")
    whole = said([text])
    assert said(list(text)) == whole
    assert said([text[:7], text[7:20], text[20:]]) == whole


def said(pieces: list[str]) -> list[object]:
    """The calls of an answer, and the prose between them."""
    parser = ToolCallParser()
    parts = list(itertools.chain.from_iterable(parser.push(piece) for piece in pieces))
    parts += parser.close(is_complete=True)
    joined: list[object] = []
    for part in parts:
        if isinstance(part, ToolCallPart):
            joined.append((part.name, part.arguments, part.invalid))
        elif joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def template(data: bytes) -> None:
    """Values stand in the result as they are, and are not read again."""
    text = data.decode("utf-8", "replace")
    names = variables_of(text)
    try:
        check_names(text, field="text")
        made = substitute(text, dict.fromkeys(names, VALUE))
    except InvalidRequest:
        return
    assert made.count(VALUE) >= len(names)


def cron(data: bytes) -> None:
    """An expression is refused, or comes due again and again."""
    timetable = CronTimetable()
    text, _, zone = data.decode("utf-8", "replace").partition("|")
    try:
        timetable.check(text, zone or "UTC")
    except InvalidRequest:
        return
    ticks = list(itertools.islice(timetable.ticks(text, zone or "UTC", SOME_DAY), 3))
    assert ticks == sorted(ticks)
    assert all(tick > SOME_DAY for tick in ticks)


def multipart(data: bytes) -> None:
    """In whatever pieces a form comes: it is refused, or says the same."""
    readings = (form([data]), form([data[i : i + 1] for i in range(len(data))]))
    told = [reading for reading in readings if reading is not None]
    assert told[:1] == told[1:] or len(told) < len(readings)


def form(pieces: list[bytes]) -> object:
    """The fields and the file of a form; None for one that is refused."""
    reader = FormReader(BOUNDARY)
    try:
        content = b"".join(reader.feed(piece) for piece in pieces)
    except InvalidRequest:
        return None
    return reader.fields, reader.file_name, reader.is_complete, content


def url(data: bytes) -> None:
    """A URL is refused, or has one reading: its host is what another parser finds."""
    text = data.decode("utf-8", "replace")
    try:
        target = parse_target(text)
    except InvalidRequest:
        return
    assert target.host.isascii()
    assert not set(target.host) & set("@\\/?# %")
    again = urlsplit(f"{target.scheme}://{target.authority}{target.path}")
    assert (again.hostname, again.username) == (target.host, None)


def kernel_message(data: bytes) -> None:
    """A message of a kernel has the right shape or is a violation."""
    parts = data.split(b"\n", 3)
    signed = [DELIMITER, hmac.new(KEY, b"".join(parts), sha256).hexdigest().encode(), *parts]
    for frames in (signed, parts):
        try:
            message = parse(frames, KEY)
        except Violation:
            continue
        assert isinstance(message.content, dict)


def json_text(data: bytes) -> None:
    """JSON that is read says everything once and can be written again."""
    try:
        value = json_once(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return
    assert json.loads(json.dumps(value)) == value


def code(data: bytes) -> None:
    """Whatever somebody proposes to run is judged, by each of the readers."""
    text = data.decode("utf-8", "replace")
    assess_code(text, names=("df",), folder="/data")
    assess_command(text)
    assess_sql(text, "/data")


def place(data: bytes) -> None:
    """A client's last event is a place in a run or refused."""
    try:
        found = Place.read(data.decode("utf-8", "replace"))
    except InvalidRequest:
        return
    assert found is None or found.run_seq >= 1


def hidden_text(data: bytes) -> None:
    """What people are shown hides nothing."""
    shown = visible(data.decode("utf-8", "replace"))
    assert not set(shown) & set("\u202e\u2066\u200b\ufeff\x1b\x00")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "event_line": event_line,
    "tool_calls": tool_calls,
    "template": template,
    "cron": cron,
    "multipart": multipart,
    "url": url,
    "kernel_message": kernel_message,
    "json_text": json_text,
    "code": code,
    "place": place,
    "hidden_text": hidden_text,
}
