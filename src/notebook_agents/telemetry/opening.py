"""What a server tells its events with, if its deployment wants that and has the extra."""

from __future__ import annotations

import os
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.telemetry.follower import LogTelemetry, Receiver

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
HEADERS_VARIABLES = (
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
)
MISSING = "telemetry needs an extra: pip install 'notebook-agents[otel]'"


def header_secrets() -> tuple[str, ...]:
    """What the environment says to send along, as written and as sent: nobody else may see it."""
    told = ",".join(os.environ.get(name, "") for name in HEADERS_VARIABLES)
    values = [part.partition("=")[2].strip() for part in told.split(",")]
    return tuple(
        dict.fromkeys(form for value in values for form in (value, unquote(value)) if form)
    )


def open_telemetry(home: Path, endpoint: str, *, has_content: bool = False) -> LogTelemetry | None:
    """The telemetry of a log in ``home``; None where nothing names an endpoint.

    InvalidRequest on the field ``otel_endpoint`` for what is no address, and without the extra.
    """
    named = endpoint or next((os.environ[n] for n in ENDPOINT_VARIABLES if os.environ.get(n)), "")
    if not named:
        return None
    if not named.startswith(("http://", "https://")):
        raise InvalidRequest(
            f"{named!r} is no address of a collector; write it as 'http://localhost:4318'",
            field="otel_endpoint",
        )
    if not _has_extra():
        raise InvalidRequest(MISSING, field="otel_endpoint")
    return LogTelemetry(
        home / "telemetry" / "places.db", partial(_connect, endpoint), has_content=has_content
    )


def collector_words(endpoint: str) -> str:
    """Whether a collector takes spans, found out by sending none; empty where none is named.

    InvalidRequest as of `open_telemetry`. Blocks.
    """
    if open_telemetry(Path(), endpoint) is None:
        return ""
    receiver = _connect(endpoint)
    is_taken = receiver.send_spans([]) == "taken"
    problem = "" if is_taken else receiver.problem()
    receiver.close()
    return f"takes nothing: {problem}" if problem else "takes spans"


def _has_extra() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # of a package that it would be in
        return False


def _connect(endpoint: str) -> Receiver:
    # Imported here: it is an extra, and takes its time.
    from notebook_agents.telemetry.otlp import Collector

    return Collector(endpoint, version("notebook-agents"))
