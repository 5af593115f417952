"""Pools: the rows of a workload that run alike, summed up by the database.

Two rows are in one pool when they have the same kind, model, GPU type, number of GPUs, batch size,
precision and answer to "may it be interrupted". Everything is decided per pool; the rows behind a
pool stay known, so that every number can be traced.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from notebook_agents.optimization.catalogue import Catalogue, Gpu
from notebook_agents.optimization.database import Database
from notebook_agents.optimization.precisions import DEFAULT_PRECISION

JobKind: TypeAlias = Literal["inference", "batch", "training"]
MAX_POOLS = 200
"""Pools that are looked at: those with most GPU hours."""
MAX_SHOWN_ROWS = 100
"""Rows of a pool that a result names one by one."""
DEFAULT_CONTEXT_TOKENS = 2048
HOURS_PER_MONTH = 730.0
"""365 days of 24 hours in 12 months."""
MIN_PERIOD_HOURS = 24.0
_PARAMS = re.compile(r"(?:(\d+)x)?(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)
_KEYS = (
    "kind", "model", "params_b", "gpu_type", "n_gpus", "batch_size", "precision", "interruptible",
)  # fmt: skip

_PREPARED = """
CREATE TABLE jobs AS SELECT
    row_number, job_id, model, params_b, gpu_type, hours, tokens_in, tokens_out, memory_gib,
    latency_p50_ms, latency_p95_ms, utilisation, price_per_gpu_hour, started_at, deadline_at,
    prompt_hash, context_tokens,
    coalesce(kind, CASE WHEN coalesce(latency_p95_ms, latency_p50_ms) IS NULL
                        THEN 'batch' ELSE 'inference' END) AS kind,
    kind IS NULL AS is_kind_guessed,
    coalesce(n_gpus, 1) AS n_gpus,
    coalesce(batch_size, 1) AS batch_size,
    coalesce(precision, 'fp16') AS precision,
    precision IS NULL AS is_precision_guessed,
    coalesce(interruptible, false) AS interruptible,
    coalesce(n_gpus, 1) * hours AS gpu_hours
FROM workload
"""
_POOLS = """
SELECT
    kind, model, params_b, gpu_type, n_gpus, batch_size, precision, interruptible,
    count(*) AS n_rows,
    sum(hours) AS hours,
    max(hours) AS longest_hours,
    sum(gpu_hours) AS gpu_hours,
    sum(gpu_hours * price_per_gpu_hour) AS known_cost,
    coalesce(sum(gpu_hours) FILTER (price_per_gpu_hour IS NULL), 0) AS unpriced_gpu_hours,
    CASE WHEN count(utilisation) = count(*)
         THEN sum(gpu_hours * utilisation) / sum(gpu_hours) END AS utilisation,
    max(utilisation) AS highest_utilisation,
    CASE WHEN count(tokens_in) = count(*) THEN sum(tokens_in)::DOUBLE END AS tokens_in,
    CASE WHEN count(tokens_out) = count(*) THEN sum(tokens_out)::DOUBLE END AS tokens_out,
    max(latency_p95_ms) AS latency_p95_ms,
    count(latency_p95_ms) AS n_with_latency,
    max(memory_gib) AS memory_gib,
    count(memory_gib) AS n_with_memory,
    max(context_tokens) AS context_tokens,
    1 - count(DISTINCT prompt_hash) / nullif(count(*), 0)::DOUBLE AS repeated_rows,
    count(prompt_hash) AS n_with_prompt,
    count(deadline_at) AS n_with_deadline,
    count(deadline_at) FILTER (started_at IS NOT NULL) AS n_with_both,
    min((epoch(deadline_at) - epoch(started_at)) / 3600 / hours) AS deadline_factor,
    min((epoch(deadline_at) - epoch(started_at)) / 3600 - hours) AS slack_hours,
    coalesce(sum(gpu_hours) FILTER (started_at IS NOT NULL
        AND (hour(started_at) - $start + 24) % 24 >= $length), 0) / sum(gpu_hours) AS peak_share,
    count(started_at) AS n_with_start,
    bool_or(is_kind_guessed) AS is_kind_guessed,
    bool_or(is_precision_guessed) AS is_precision_guessed,
    min(row_number) AS first_row
FROM jobs GROUP BY ALL ORDER BY gpu_hours DESC, first_row
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a pool is run: everything a recommendation can change."""

    gpu_type: str
    """As the catalogue names it."""
    n_gpus: int
    """Of each job."""
    precision: str
    batch_size: int
    is_spot: bool = False
    is_off_peak: bool = False
    """Whether all work is started in the cheaper hours."""
    is_cached: bool = False
    """Whether answers to repeated prompts are kept."""
    model_share: float = 1.0
    """Size of the model that runs as a share of the present one."""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a pool, as a result names them."""

    n: int
    numbers: tuple[int, ...]
    """The first of them, counted from 1 below the headers."""
    job_ids: tuple[str, ...]
    condition: str
    """The SQL condition over the columns that finds them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Rows that run alike, and what was measured of them."""

    kind: JobKind
    setup: Setup
    """How they run now."""
    rows: Rows
    hours: float
    """Of all rows together; ``gpu_hours`` is this times the number of GPUs."""
    longest_hours: float
    price: float
    """Paid per GPU and hour, on average."""
    is_price_known: bool
    """Whether every row says its price; otherwise the catalogue's fills in."""
    params_b: float | None
    """10^9 parameters."""
    utilisation: float | None
    """Weighted by GPU hours; None when a row lacks it."""
    highest_utilisation: float | None
    """Of any row."""
    tokens_in: float | None
    tokens_out: float | None
    latency_p95_ms: float | None
    """The highest of the rows; None when a row lacks it."""
    memory_gib: float | None
    """Most of any GPU; None when a row lacks it."""
    context_tokens: int
    repeated_share: float | None
    """Of the rows, those with a prompt that came before; None when a row lacks its prompt."""
    deadline_factor: float | None
    """By how much the tightest job may become longer."""
    slack_hours: float | None
    """How much later the tightest job may end."""
    is_interruptible: bool
    """Whether every row may be stopped and go on later."""
    has_unclear_deadline: bool
    """Whether a deadline cannot be judged because the row does not say when it began."""
    peak_share: float | None
    """Of the GPU hours, those started outside the cheaper hours; None when a start is unknown."""
    assumptions: tuple[str, ...] = ()

    @property
    def gpu_hours(self) -> float:
        """GPUs times hours."""
        return self.setup.n_gpus * self.hours

    @property
    def cost(self) -> float:
        """Of the period of the data, in the catalogue's currency."""
        return self.gpu_hours * self.price

    @property
    def n_tokens(self) -> float:
        """In and out; 0 where the data do not say."""
        return (self.tokens_in or 0.0) + (self.tokens_out or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the data say."""

    pools: tuple[Pool, ...]
    """Most expensive first."""
    n_rows: int
    period_hours: float
    """What the table covers; monthly figures are scaled by it."""
    is_period_known: bool
    unpriced: tuple[str, ...] = ()
    """GPU types that the catalogue does not have."""
    n_unpriced_rows: int = 0
    n_left_out: int = 0
    """Rows of pools beyond the largest ones."""
    left_out_cost: float = 0.0
    """Of these rows; a budget counts it."""

    @property
    def per_month(self) -> float:
        """What figures of the period are multiplied with for a month."""
        return HOURS_PER_MONTH / self.period_hours


def survey(
    connection: Database, catalogue: Catalogue, *, period_hours: float | None = None
) -> Survey:
    """Sum the table ``workload`` up into pools; blocks. ``period_hours`` overrides the measured."""
    connection.execute(_PREPARED)
    pools: list[Pool] = []
    unpriced: list[str] = []
    n_unpriced, left_out, other_cost = 0, 0, 0.0
    for row in _dicts(connection, _POOLS, _peak_hours(catalogue)):
        gpu = catalogue.find(row["gpu_type"])
        if gpu is None:
            unpriced.append(row["gpu_type"])
            n_unpriced += row["n_rows"]
        elif len(pools) == MAX_POOLS:
            left_out += row["n_rows"]
            other_cost += _cost(row, gpu)
        else:
            pools.append(_pool(connection, row, catalogue))
    pools.sort(key=lambda pool: (-pool.cost, pool.rows.numbers))
    measured = _period(connection)
    return Survey(
        pools=tuple(pools),
        n_rows=int(connection.execute("SELECT count(*) FROM jobs").fetchall()[0][0]),
        period_hours=period_hours or measured or HOURS_PER_MONTH,
        is_period_known=bool(period_hours or measured),
        unpriced=tuple(dict.fromkeys(unpriced)),
        n_unpriced_rows=n_unpriced,
        n_left_out=left_out,
        left_out_cost=other_cost,
    )


def params_of(model: str) -> float | None:
    """10^9 parameters as a model's name says: 70 for ``llama-3-70b``, 56 for ``mixtral-8x7b``."""
    found = _PARAMS.search(model)
    if found is None:
        return None
    return float(found[2]) * int(found[1] or 1) or None


def _pool(connection: Database, row: dict[str, Any], catalogue: Catalogue) -> Pool:
    gpu = catalogue.find(row["gpu_type"])
    assert gpu is not None, "pools of unknown GPUs are not made"
    n_rows = row["n_rows"]

    def complete(name: str, counter: str) -> Any:
        return row[name] if row[counter] == n_rows else None

    return Pool(
        kind=row["kind"],
        setup=Setup(
            gpu_type=gpu.name,
            n_gpus=row["n_gpus"],
            precision=row["precision"],
            batch_size=row["batch_size"],
            model=row["model"] or "",
        ),
        rows=_rows(connection, row),
        hours=row["hours"],
        longest_hours=row["longest_hours"],
        price=_cost(row, gpu) / row["gpu_hours"],
        is_price_known=row["unpriced_gpu_hours"] == 0,
        params_b=row["params_b"] or params_of(row["model"] or ""),
        utilisation=row["utilisation"],
        highest_utilisation=row["highest_utilisation"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        latency_p95_ms=complete("latency_p95_ms", "n_with_latency"),
        memory_gib=complete("memory_gib", "n_with_memory"),
        context_tokens=row["context_tokens"] or DEFAULT_CONTEXT_TOKENS,
        repeated_share=complete("repeated_rows", "n_with_prompt"),
        deadline_factor=row["deadline_factor"],
        slack_hours=row["slack_hours"],
        is_interruptible=row["interruptible"],
        has_unclear_deadline=row["n_with_both"] < row["n_with_deadline"],
        peak_share=complete("peak_share", "n_with_start"),
        assumptions=_assumptions(row, gpu.name, is_priced=row["unpriced_gpu_hours"] == 0),
    )


def _cost(row: dict[str, Any], gpu: Gpu) -> float:
    """What the rows say, and the catalogue's price where they do not."""
    unpriced = float(row["unpriced_gpu_hours"])
    return float(row["known_cost"] or 0.0) + unpriced * gpu.on_demand_per_hour


def _assumptions(row: dict[str, Any], gpu: str, *, is_priced: bool) -> tuple[str, ...]:
    """What was filled in where the rows are silent."""
    found = []
    if row["is_kind_guessed"]:
        found.append(f"Rows without a kind are taken as {row['kind']}.")
    if row["is_precision_guessed"]:
        found.append(f"Rows without a precision are taken as {DEFAULT_PRECISION}.")
    if not is_priced:
        found.append(f"Rows without a price are priced as {gpu} on demand in the catalogue.")
    if row["params_b"] is None and params_of(row["model"] or ""):
        found.append(
            f"The model's size is read from its name: {params_of(row['model']):g} billion"
            " parameters."
        )
    return tuple(found)


def _rows(connection: Database, row: dict[str, Any]) -> Rows:
    """Which rows a pool is made of."""
    values = [row[name] for name in _KEYS]
    where = " AND ".join(f"{name} IS NOT DISTINCT FROM ?" for name in _KEYS)
    found = connection.execute(
        f"SELECT row_number, job_id FROM jobs WHERE {where}"  # noqa: S608
        f" ORDER BY row_number LIMIT {MAX_SHOWN_ROWS}",
        values,
    ).fetchall()
    return Rows(
        n=row["n_rows"],
        numbers=tuple(number for number, _ in found),
        job_ids=tuple(job for _, job in found if job),
        condition=" AND ".join(_equals(name, row[name]) for name in _KEYS),
    )


def _equals(name: str, value: Any) -> str:
    if value is None:
        return f"{name} IS NULL"
    if isinstance(value, str):
        return f"{name} = '{value.replace(chr(39), chr(39) * 2)}'"
    return f"{name} = {str(value).lower()}"


def _period(connection: Database) -> float | None:
    """Hours from the first start to the last end; None when a start is unknown."""
    found = connection.execute(
        "SELECT count(*) = count(started_at),"
        " (max(epoch(started_at) + hours * 3600) - min(epoch(started_at))) / 3600 FROM jobs"
    ).fetchone()
    if found is None or not found[0] or found[1] is None:
        return None
    return max(float(found[1]), MIN_PERIOD_HOURS)


def _peak_hours(catalogue: Catalogue) -> dict[str, int]:
    off_peak = catalogue.off_peak
    if off_peak is None:
        return {"start": 0, "length": 24}
    return {"start": off_peak.start_hour, "length": off_peak.n_hours}


def _dicts(connection: Database, sql: str, parameters: dict[str, int]) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, parameters)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
