"""``jupyter agents events``: the event log looked at, kept small, exported and forgotten.

It works on the same files as running servers and notebooks, which go on writing and reading.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, cast

from traitlets import Bool, Enum, Float, List, Unicode

from notebook_agents.core.content_fields import FIELDS
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.event_columns import SCHEMA_VERSION
from notebook_agents.core.exports import EVENTS, ExportWish, untold
from notebook_agents.core.log_keeper import KEPT, PruneWish
from notebook_agents.core.log_keeping import IDLE_S
from notebook_agents_server.account_commands import AccountCommand, printable
from notebook_agents_server.event_words import compaction_lines, moment_of, size_lines, size_of

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.exports import ExportFormat, Progress
    from notebook_agents.core.users import Actor

USAGE = """\
jupyter agents events list | compact [--idle=SECONDS] | verify
                     | export [--output=FILE] [--format=parquet|csv|jsonl] [--view=VIEW]
                              [--since=…] [--until=…] [--owner=NAME] [--type=TYPE]…
                              [--with-content] [--pseudonymise] [--redact=RULE]… [--replace]
                     | prune --before=… [--owner=NAME] [--type=TYPE]… [--yes]
                     | forget OWNER [--yes]"""
DESCRIPTION = f"""\
Look at the log of events, keep it small, export it, and remove what may not be kept.

    {USAGE}

list       how much there is, and whose
compact    move what nobody has written to for an hour (--idle) into Parquet files; servers do it
           by themselves every `events_compact_s` seconds
verify     read everything; the exit code is 1 when something is missing, double, torn or changed
export     write events, or one of the views over them, into a new file that only you can read.
           What persons, models and tools wrote is left out unless you give --with-content; the
           setting `events_redaction` and --redact leave out more: name, type.name or /expression/.
           --pseudonymise puts other names in the place of users, the same in every export of
           this deployment. --output=- writes jsonl or csv to the standard output
prune      remove what happened before a day, for good; servers do it once a day with
           `events_keep_days`. What works now is left alone, and so are {", ".join(sorted(KEPT))}
           unless --type names them
forget     remove every event of an owner, by name, e-mail or id, for good

A moment is 2026-11-30, 2026-11-30T12:00 (UTC), or an age such as 12h, 30d, 8w.
"""
EXAMPLES = """\
jupyter agents events list
jupyter agents events export --since=7d --output=week.parquet
jupyter agents events export --view=v_runs --format=csv --owner=ann
jupyter agents events export --output=- --type=run_finished | head -3
jupyter agents events prune --before=90d --yes
jupyter agents events forget ann
jupyter agents events verify --json
"""
STANDARD_OUTPUT = "-"
FORMATS = ("parquet", "csv", "jsonl")
FAULTY = 1
"""The exit code of a log that is not as it should be."""


class EventsApp(AccountCommand):
    """Look at the log of events, keep it small, export it, remove from it."""

    name = "jupyter-agents-events"
    words: ClassVar[str] = "jupyter agents events"
    description = DESCRIPTION
    examples = EXAMPLES
    aliases = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **AccountCommand.aliases,
        **{name: f"EventsApp.{name}" for name in ("output", "view", "since", "until", "before")},
        "format": "EventsApp.export_format",
        "owner": "EventsApp.whose",
        "type": "EventsApp.types",
        "redact": "EventsApp.rules",
        "idle": "EventsApp.idle_s",
    }
    flags = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **AccountCommand.flags,
        "json": ({"EventsApp": {"as_json": True}}, "Print one JSON document."),
        "yes": ({"EventsApp": {"is_sure": True}}, "Do not ask before something is removed."),
        "with-content": (
            {"EventsApp": {"has_content": True}},
            "Export what persons, models and tools wrote, too.",
        ),
        "pseudonymise": (
            {"EventsApp": {"has_pseudonyms": True}},
            "Export other names in the place of users.",
        ),
        "replace": ({"EventsApp": {"is_replacing": True}}, "Replace a file that is there."),
    }
    output = Unicode(help="The file of an export; - is the standard output.").tag(config=True)
    export_format = Enum(
        (*FORMATS, ""), "", help="Of an export; empty is what the file is called, else parquet."
    ).tag(config=True)
    view = Unicode(EVENTS, help="What is exported: events, or a view over them.").tag(config=True)
    since = Unicode(help="The first moment that is exported.").tag(config=True)
    until = Unicode(help="The first moment that is not exported any more.").tag(config=True)
    before = Unicode(help="The day before which events are removed.").tag(config=True)
    whose = Unicode(help="Whose events; empty is everybody's.").tag(config=True)
    types = List(Unicode(), help="Types of events; once for each. None are all.").tag(config=True)
    rules = List(
        Unicode(), help="What an export leaves out besides `events_redaction`; once for each."
    ).tag(config=True)
    idle_s = Float(
        IDLE_S, min=0.0, help="How many seconds old what is compacted is; 0 takes everything."
    ).tag(config=True)
    has_content = Bool(help="Whether an export holds what somebody wrote.").tag(config=True)
    has_pseudonyms = Bool(help="Whether an export names users otherwise.").tag(config=True)
    is_replacing = Bool(help="Whether an export replaces a file.").tag(config=True)
    is_sure = Bool(help="Whether nothing is asked before removing.").tag(config=True)
    as_json = Bool(help="Whether to print JSON.").tag(config=True)
    exit_code = 0

    def start(self) -> None:
        """Do what the command line says; a log that is not whole ends with code 1."""
        super().start()
        if self.exit_code:
            sys.exit(self.exit_code)

    async def obey(self, core: Core, owner: Actor) -> list[str]:
        """Do what the command line says."""
        for type in self.types:
            if type not in FIELDS:
                raise InvalidRequest(f"there is no type of events {type!r}; see docs/events.md")
        match self.extra_args:
            case ["list"]:
                return await self._list(core)
            case ["compact"]:
                return await self._compact(core)
            case ["verify"]:
                return await self._verify(core)
            case ["export"]:
                return await self._export(core, owner)
            case ["prune"]:
                return await self._prune(core)
            case ["forget", name]:
                return await self._forget(core, name)
            case _:
                raise InvalidRequest(f"usage: {USAGE}")

    async def _list(self, core: Core) -> list[str]:
        sizes = await core.log_keeper.sizes()
        names = await core.log_keeper.names_of([found.owner_id for found in sizes.owners])
        if self.as_json:
            return self._document({**asdict(sizes), "names": names})
        return size_lines(sizes, names)

    async def _compact(self, core: Core) -> list[str]:
        _note("compacting …")
        done = await core.log_keeper.compact(self.idle_s)
        return self._document(asdict(done)) if self.as_json else compaction_lines(done)

    async def _verify(self, core: Core) -> list[str]:
        _note("reading everything …")
        faults = await core.log_keeper.verify()
        self.exit_code = FAULTY if faults else 0
        if self.as_json:
            return self._document({"faults": [asdict(fault) for fault in faults]})
        lines = [f"{fault.kind}  {fault.file}  {fault.detail}" for fault in faults]
        return [*lines, f"{len(faults)} faults" if faults else "the log is whole"]

    async def _export(self, core: Core, owner: Actor) -> list[str]:
        wish = self._wish(await self._owner_id(core))
        done = await core.exports.export(owner, wish, _progress())
        where = str(wish.to) if isinstance(wish.to, Path) else STANDARD_OUTPUT
        told = {"output": where, "format": wish.format, "view": wish.view, **asdict(done)}
        said = (
            f"{where}: {done.n_rows} rows, {size_of(done.size_bytes)}, schema version"
            f" {done.schema_version}, {'with' if wish.has_content else 'without'} content"
        )
        lines = self._document(told) if self.as_json else [said]
        if where != STANDARD_OUTPUT:
            return lines
        _note(*lines)
        return []

    def _wish(self, owner_id: str | None) -> ExportWish:
        form = self._format()
        to: Path | BinaryIO = Path(self.output or f"{self.view}-v{SCHEMA_VERSION}.{form}")
        if self.output == STANDARD_OUTPUT:
            to = sys.stdout.buffer
        now = datetime.now(UTC)
        return ExportWish(
            to=to,
            format=form,
            view=self.view,
            owner_id=owner_id,
            since=moment_of("since", self.since, now),
            until=moment_of("until", self.until, now),
            types=tuple(self.types),
            has_content=self.has_content,
            has_pseudonyms=self.has_pseudonyms,
            rules=tuple(self.rules),
            is_replacing=self.is_replacing,
        )

    def _format(self) -> ExportFormat:
        if self.export_format:
            return cast("ExportFormat", self.export_format)
        if self.output == STANDARD_OUTPUT:
            return "jsonl"
        named = Path(self.output).suffix.removeprefix(".")
        if named and named not in FORMATS:
            raise InvalidRequest(f"say with --format what {self.output!r} is to be", field="format")
        return cast("ExportFormat", named or "parquet")

    async def _prune(self, core: Core) -> list[str]:
        now = datetime.now(UTC)
        before = moment_of("before", self.before, now)
        if before is None:
            raise InvalidRequest("say with --before which events may go", field="before")
        if before > now - timedelta(days=1):
            raise InvalidRequest("--before must be at least a day ago", field="before")
        whose = await self._owner_id(core)
        day, owner = f"{before:%Y-%m-%d}", self.whose or "everybody"
        await self._make_sure(f"remove the events of {owner} before {day} UTC for good", "yes")
        wish = PruneWish(before=before, owner_id=whose, types=frozenset(self.types))
        n = await core.log_keeper.prune(wish)
        if self.as_json:
            return self._document({"n_events": n, "before": day})
        return [f"removed {n} events from before {day} UTC"]

    async def _forget(self, core: Core, name: str) -> list[str]:
        owner_id = await core.log_keeper.owner_of(name)
        await self._make_sure(f"remove all events of {name} for good", name)
        n = await core.log_keeper.forget(owner_id)
        if self.as_json:
            return self._document({"n_events": n, "owner_id": owner_id})
        return [f"removed {n} events of {name}"]

    async def _owner_id(self, core: Core) -> str | None:
        return await core.log_keeper.owner_of(self.whose) if self.whose else None

    async def _make_sure(self, what: str, word: str) -> None:
        """InvalidRequest unless whoever sits there wants it."""
        if self.is_sure:
            return
        if not sys.stdin.isatty():
            raise InvalidRequest(f"nobody is here to be asked; to {what}, give --yes", field="yes")
        loop = asyncio.get_running_loop()
        asked = f"To {printable(what)}, type {printable(word)}: "
        if (await loop.run_in_executor(None, input, asked)).strip() != word:
            raise InvalidRequest("nothing was removed")

    def _document(self, told: dict[str, Any]) -> list[str]:
        return json.dumps(told, indent=2, default=_written).splitlines()


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else list(value)


def _note(*lines: str) -> None:
    """Say something beside what is printed, to whoever looks."""
    if sys.stderr.isatty():
        sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))


def _progress() -> Progress:
    """Shows percents to whoever looks."""
    if not sys.stderr.isatty():
        return untold

    def show(percent: float) -> None:
        sys.stderr.write(f"\r{percent:3.0f} %")
        sys.stderr.flush()

    return show
