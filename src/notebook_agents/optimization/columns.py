"""The columns a workload may have: names, units, ranges. docs/optimization.md shows this table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from notebook_agents.optimization.precisions import ALIASES, BYTES_PER_VALUE

Kind = Literal["text", "number", "integer", "time", "flag", "word"]
SQL_TYPES: Mapping[Kind, str] = {
    "text": "VARCHAR",
    "word": "VARCHAR",
    "number": "DOUBLE",
    "integer": "BIGINT",
    "time": "TIMESTAMP",
    "flag": "BOOLEAN",
}
TEXT_PATTERN = r"[\p{L}\p{N}_][\p{L}\p{N} _.,:;/+()#@%&'=~\-]*"
"""Names; one that begins with = + - or @ would be a formula in a spreadsheet."""
MAX_TEXT_CHARS = 200
"""Counted apart from the pattern: a class of letters repeated so often takes seconds to compile."""


@dataclass(frozen=True, slots=True)
class Column:
    """One documented column."""

    name: str
    kind: Kind
    unit: str
    """What the values mean, for people."""
    aliases: tuple[str, ...] = ()
    low: float | None = None
    """Least value."""
    is_above: bool = False
    """Whether a value must be above ``low`` and not just reach it."""
    high: float | None = None
    words: tuple[str, ...] = ()
    """The closed set of values of a ``word``."""
    word_aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    is_required: bool = False


KIND_ALIASES: Mapping[str, str] = {
    "serving": "inference",
    "online": "inference",
    "offline": "batch",
    "train": "training",
    "finetuning": "training",
    "fine-tuning": "training",
}
_P50 = ("p50_ms", "latency_p50")
_P95 = ("p95_ms", "latency_p95", "latency_ms")

COLUMNS: tuple[Column, ...] = (
    Column("job_id", "text", "your name for the job", ("id", "job", "job_name")),
    Column("model", "text", "the model that runs", ("model_name", "name")),
    Column("params_b", "number", "10^9 parameters of the model",
           ("model_params_b", "parameters_b", "model_size_b"), 0, True, 100_000),
    Column("kind", "word", "inference (requests wait for it), batch or training",
           ("workload", "job_type", "task"), words=("inference", "batch", "training"),
           word_aliases=KIND_ALIASES),
    Column("gpu_type", "text", "type of GPU, as the price catalogue names it",
           ("gpu", "accelerator", "gpu_name"), is_required=True),
    Column("n_gpus", "integer", "GPUs the job holds",
           ("gpus", "gpu_count", "num_gpus"), 1, False, 100_000),
    Column("hours", "number", "hours it holds them",
           ("duration_hours", "duration_h", "runtime_hours"), 0, True, 100_000, is_required=True),
    Column("tokens_in", "integer", "tokens of all prompts",
           ("input_tokens", "prompt_tokens"), 0, False, 1e18),
    Column("tokens_out", "integer", "tokens of all answers",
           ("output_tokens", "completion_tokens"), 0, False, 1e18),
    Column("batch_size", "integer", "requests or samples computed at once",
           ("batch",), 1, False, 1_000_000),
    Column("precision", "word", "of the weights", ("dtype", "quantization"),
           words=tuple(BYTES_PER_VALUE), word_aliases=ALIASES),
    Column("context_tokens", "integer", "tokens of prompt and answer that one request holds",
           ("context_length", "sequence_length"), 1, False, 100_000_000),
    Column("memory_gib", "number", "most memory used on each GPU, GiB",
           ("gpu_memory_gib", "peak_memory_gib"), 0, True, 10_000),
    Column("latency_p50_ms", "number", "median time of a request, ms", _P50, 0, True, 86_400_000),
    Column("latency_p95_ms", "number", "95th percentile of it, ms", _P95, 0, True, 86_400_000),
    Column("utilisation", "number", "share of the time the GPUs compute, 0 to 1",
           ("utilization", "gpu_utilisation", "gpu_utilization", "gpu_util"), 0, False, 1),
    Column("price_per_gpu_hour", "number", "what one GPU costs per hour",
           ("gpu_price", "gpu_price_per_hour", "price_per_hour", "price"), 0, False, 100_000),
    Column("started_at", "time", "when it began, ISO 8601, UTC without a zone",
           ("start", "start_time", "timestamp")),
    Column("deadline_at", "time", "when it must have ended", ("deadline", "due_at")),
    Column("interruptible", "flag", "true or false: may it be stopped and go on later",
           ("preemptible", "spot_ok")),
    Column("prompt_hash", "text", "equal for requests with the same prompt",
           ("prompt_id", "cache_key")),
)  # fmt: skip
BY_NAME: Mapping[str, Column] = {column.name: column for column in COLUMNS}
_BY_ALIAS: Mapping[str, Column] = {
    alias: column for column in COLUMNS for alias in (column.name, *column.aliases)
}


def column_of(header: str) -> Column | None:
    """The column that a header means: case, spaces and hyphens do not matter."""
    return _BY_ALIAS.get(re.sub(r"[\s-]+", "_", header.strip().lower()))
