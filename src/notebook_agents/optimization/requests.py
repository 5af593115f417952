"""What is wanted: priority, budget and constraints, out of parameters or plain words.

Parameters win over the message. A parameter or constraint that is not known is an error that names
those that are; words of a message that mean nothing here are left to the report.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from notebook_agents.core.errors import InvalidRequest

Priority: TypeAlias = Literal["cost", "performance", "balanced"]
PRIORITIES: tuple[Priority, ...] = ("cost", "performance", "balanced")
PARAMETERS = (
    "workload_id", "priority", "budget", "constraints", "period_days", "allow_smaller_model",
)  # fmt: skip
CONSTRAINTS: Mapping[str, str] = {
    "latency": "p95 latency must not rise; latency<=500ms sets a limit",
    "gpu_memory": "keep a tenth of GPU memory free; gpu_memory<=40 sets GiB used per GPU",
    "gpu_type": "keep the GPU types; gpu_type=L4,A100 allows only these",
    "precision": "keep precision and model",
    "no_spot": "no interruptible capacity",
    "schedule": "keep the hours at which jobs begin",
}
_ALIASES: Mapping[str, str] = {
    "latency_p95": "latency",
    "latency_p95_ms": "latency",
    "latency_ms": "latency",
    "p95": "latency",
    "memory": "gpu_memory",
    "gpu_memory_gib": "gpu_memory",
    "gpu_memory_gb": "gpu_memory",
    "gpu": "gpu_type",
    "gpu_types": "gpu_type",
    "hardware": "gpu_type",
    "accuracy": "precision",
    "quality": "precision",
    "availability": "no_spot",
    "reliability": "no_spot",
}
_CONSTRAINT = re.compile(r"\s*([A-Za-z][A-Za-z0-9 _-]*?)\s*(?:(?:<=|<|==|=|:)\s*(.+?))?\s*")
_AMOUNT = re.compile(r"([\d.,]+)\s*([a-zA-Z]*)")
_MONEY = re.compile(
    r"(?:\$|usd\s*)\s*([\d][\d,]*(?:\.\d+)?)\s*(k\b)?"
    r"|\bbudget[^\d.,;]{0,20}([\d][\d,]*(?:\.\d+)?)(?!\d|\.\d)\s*(k\b)?"
    r"(?!\s*(?:%|m?s\b|sec|milli|gi?b\b|gpu|[alht]\d))"
    r"|([\d][\d,]*(?:\.\d+)?)\s*(k)?\s*(?:usd|dollars?)\b",
    re.IGNORECASE,
)
_LATENCY = re.compile(
    r"\b(?:latency|p95|respon\w+)\b[^.\d]{0,40}?(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|seconds?)\b",
    re.IGNORECASE,
)
_COST_WORDS = re.compile(r"\b(?:cost\w*|cheap\w*|sav(?:e|ings?)|spend\w*|expens\w*|bill)\b", re.I)
_SPEED_WORDS = re.compile(
    r"\b(?:perform\w*|fast\w*|speed\w*|latency|throughput|quick\w*|slow\w*)\b", re.I
)
_NO_SPOT_WORDS = re.compile(r"\b(?:no|without|never|avoid)\s+(?:use\s+)?(?:spot|preempt\w+)", re.I)
_BOTH_WORDS = re.compile(r"\bbalanc\w*\b", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a recommendation must keep."""

    latency_ms: float | None = None
    """p95 of every request that the data measure."""
    keeps_latency: bool = False
    memory_gib: float | None = None
    """Used on each GPU."""
    keeps_memory_free: bool = False
    keeps_gpu_type: bool = False
    gpu_types: tuple[str, ...] = ()
    """Those that are allowed; empty allows all."""
    keeps_precision: bool = False
    no_spot: bool = False
    keeps_schedule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request as it was understood."""

    priority: Priority
    limits: Limits = Limits()
    budget: float | None = None
    """Per month, for the whole workload."""
    period_days: float | None = None
    """What the table covers, where the caller says it."""
    allows_smaller_model: bool = False
    workload: str = ""
    """Which workload; empty leaves it to the product."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """For each of the above, whether it is from ``parameters``, the ``message`` or a default."""
    constraints: tuple[str, ...] = ()
    """As they were given, for the report."""


def parse_wish(message: str, parameters: Mapping[str, Any]) -> Wish:
    """The wish behind a message and its parameters; InvalidRequest names the wrong parameter."""
    if unknown := sorted(set(parameters) - set(PARAMETERS)):
        raise InvalidRequest(
            f"there is no parameter {unknown[0]!r}; known: {', '.join(PARAMETERS)}",
            field=f"parameters.{unknown[0]}"[:100],
        )
    wish = _from_message(message)
    origins = dict(wish.origins)
    changes: dict[str, Any] = {}
    for name, parse in (
        ("priority", _priority), ("budget", _budget), ("period_days", _period_days),
        ("allow_smaller_model", _flag), ("workload_id", _workload),
    ):  # fmt: skip
        if parameters.get(name) is not None:
            field_name = {"workload_id": "workload", "allow_smaller_model": "allows_smaller_model"}
            changes[field_name.get(name, name)] = parse(parameters[name])
            origins[name] = "parameters"
    limits, given = wish.limits, wish.constraints
    if parameters.get("constraints"):
        given = tuple(_listed(parameters["constraints"]))
        limits = _constrained(limits, given)
        origins["constraints"] = "parameters"
    return replace(wish, limits=limits, constraints=given, origins=origins, **changes)


def _from_message(message: str) -> Wish:
    origins: dict[str, str] = {}
    wants_less, wants_speed = _COST_WORDS.search(message), _SPEED_WORDS.search(message)
    if wants_less:
        # A limit on latency beside it is a limit, not a wish for speed.
        wants_speed = _SPEED_WORDS.search(_LATENCY.sub(" ", message))
    priority: Priority = "balanced"
    if (wants_less or wants_speed) and not _BOTH_WORDS.search(message):
        priority = "cost" if not wants_speed else "balanced" if wants_less else "performance"
    origins["priority"] = "message" if wants_less or wants_speed else "default"
    limits, given, budget = Limits(), [], None
    if found := _LATENCY.search(message):
        given.append(f"latency<={found[1]}{'ms' if found[2].lower().startswith('m') else 's'}")
    if _NO_SPOT_WORDS.search(message):
        given.append("no_spot")
    if given:
        limits = _constrained(limits, given)
        origins["constraints"] = "message"
    if money := _MONEY.search(message):
        digits = next(money[n] for n in (1, 3, 5) if money[n])
        thousands = 1000 if any(money[n] for n in (2, 4, 6)) else 1
        budget = float(digits.replace(",", "")) * thousands or None
        origins["budget"] = "message"
    return Wish(
        priority=priority,
        limits=limits,
        budget=budget,
        origins=origins,
        constraints=tuple(given),
    )


def _priority(value: Any) -> Priority:
    for known in PRIORITIES:
        if isinstance(value, str) and value.strip().lower() == known:
            return known
    raise InvalidRequest(
        f"priority must be one of {', '.join(PRIORITIES)}, got {_shown(value)}",
        field="parameters.priority",
    )


def _budget(value: Any) -> float:
    return _number(value, "budget", "an amount per month", high=1e12)


def _period_days(value: Any) -> float:
    return _number(value, "period_days", "the days that the table covers", high=36_500)


def _number(value: Any, name: str, what: str, *, high: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 < value <= high:
        raise InvalidRequest(
            f"{name} must be {what}: a number above 0 and at most {high:g}, got {_shown(value)}",
            field=f"parameters.{name}",
        )
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(
            f"allow_smaller_model must be true or false, got {_shown(value)}",
            field="parameters.allow_smaller_model",
        )
    return value


def _workload(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise InvalidRequest(
            "workload_id must be the id or name of a workload", field="workload_id"
        )
    return value.strip()


def _listed(value: Any) -> list[str]:
    """Constraints as texts: a list, or an object of names and limits."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [f"{name}<={limit}" for name, limit in value.items()]
    if isinstance(value, Sequence) and all(isinstance(entry, str) for entry in value):
        return list(value)
    raise _bad_constraint(value)


def _constrained(limits: Limits, texts: Sequence[str]) -> Limits:
    for text in texts:
        found = _CONSTRAINT.fullmatch(text)
        if found is None or len(text) > 500:
            raise _bad_constraint(text)
        name = re.sub(r"[\s-]+", "_", found[1].lower())
        name = _ALIASES.get(name, name)
        if name not in CONSTRAINTS:
            raise _bad_constraint(text)
        limits = replace(limits, **_limit(name, found[2], text))
    return limits


def _limit(name: str, value: str | None, text: str) -> dict[str, Any]:
    """The fields of Limits that a constraint sets."""
    if name == "latency":
        if value is None:
            return {"keeps_latency": True}
        return {"latency_ms": _amount(value, text, {"": 1, "ms": 1, "s": 1000})}
    if name == "gpu_memory":
        if value is None:
            return {"keeps_memory_free": True}
        units = {"": 1.0, "gib": 1.0, "gb": 1e9 / 2**30, "mib": 1 / 1024}
        return {"memory_gib": _amount(value, text, units)}
    if name == "gpu_type":
        types = tuple(filter(None, re.split(r"\s*[,|]\s*", value or "")))
        return {"gpu_types": types} if types else {"keeps_gpu_type": True}
    if value is not None and value.lower() not in {"true", "yes"}:
        raise _bad_constraint(text)
    fields = {
        "precision": "keeps_precision", "no_spot": "no_spot", "schedule": "keeps_schedule",
    }  # fmt: skip
    return {fields[name]: True}


def _amount(value: str, text: str, units: Mapping[str, float]) -> float:
    found = _AMOUNT.fullmatch(value.strip())
    try:
        amount = float(found[1].replace(",", "")) * units[found[2].lower()] if found else 0.0
    except (ValueError, KeyError):
        amount = 0.0
    if not 0 < amount < math.inf:
        raise _bad_constraint(text)
    return amount


def _bad_constraint(value: Any) -> InvalidRequest:
    known = "; ".join(f"{name} ({what})" for name, what in CONSTRAINTS.items())
    return InvalidRequest(
        f"the constraint {_shown(value)} is not understood; known: {known}",
        field="parameters.constraints",
    )


def _shown(value: Any) -> str:
    return repr(value)[:60]
