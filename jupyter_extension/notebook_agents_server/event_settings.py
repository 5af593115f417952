"""The settings of the log of events."""

from __future__ import annotations

from traitlets import Bool, Bunch, Float, HasTraits, TraitError, Unicode, validate

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.exports import Redaction
from notebook_agents_server.list_trait import Listing


class EventSettings(HasTraits):
    """Those of the traits of `NotebookAgentsApp` that are about the log."""

    events_compact_s = Float(
        900.0,
        min=0.0,
        help="""How many seconds apart a server moves what nobody writes to any more into Parquet
        files; 0 leaves that, and pruning, to `jupyter agents events`.""",
    ).tag(config=True)
    events_keep_days = Float(
        0.0,
        min=0.0,
        help="""After how many days events are removed for good, once a day; 0 keeps them. What
        people wrote and were answered stays in the conversations.""",
    ).tag(config=True)
    events_archive = Unicode(
        help="""Where Parquet files of events lie: a folder, or an address that fsspec understands,
        such as s3://bucket/prefix. Each home has a folder of its own there. Empty is in `home`.""",
    ).tag(config=True)
    events_memory_mb = Float(
        500.0,
        min=100.0,
        help="""Megabytes that one question to this server about events may take (in a notebook:
        500); one that needs more uses the disk. More makes questions about everybody's events
        faster where there are tens of millions. What people write on the page has 500.""",
    ).tag(config=True)
    events_redaction = Listing(
        Unicode(),
        help="""What every export leaves out, with content and without: names of columns and fields
        of docs/events.md such as conversation_id or tool_started.name, or /expressions/ whose
        matches are replaced in every text.""",
    ).tag(config=True)

    otel_endpoint = Unicode(
        help="""Address of a collector that speaks OTLP over HTTP, such as http://localhost:4318,
        which is told of runs. Needs the extra `otel`. Empty is the environment's
        OTEL_EXPORTER_OTLP_ENDPOINT.""",
    ).tag(config=True)
    otel_content = Bool(
        False, help="Whether `otel_endpoint` is also told what models and tools wrote."
    ).tag(config=True)

    @validate("events_redaction")
    def _meaningful_rules(self, proposal: Bunch) -> list[str]:
        try:
            Redaction.read(proposal.value)
        except InvalidRequest as error:
            raise TraitError(error.message) from None
        return list(proposal.value)
