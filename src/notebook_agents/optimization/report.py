"""The report: words for people, numbers from the computation only.

The model is given the facts and writes. What it wrote is kept only if every number in it is one of
the facts and no recommendation is missing; otherwise the text made by rule is used, which says the
same with less grace.
"""

from __future__ import annotations

import re
from typing import Any

INSTRUCTIONS = (
    "You write a short report for the owner of a GPU workload. Use only the facts given. Name every"
    " recommendation with its cost change exactly as written. Do not compute, add or round any"
    " number. Plain sentences, no headings, at most 200 words."
)
MAX_REPORT_CHARS = 6_000
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def report_text(result: dict[str, Any]) -> str:
    """The report by rule."""
    name = result["workload"]["name"]
    if not result["recommendations"]:
        return f"No change of the workload {name!r} is recommended. {result['reason']}"
    before, after = result["metrics"]["baseline"], result["metrics"]["projected"]
    currency = before["currency"]
    lines = [
        f"For the workload {name!r} with {result['workload']['n_rows']} jobs,"
        f" {_counted(len(result['recommendations']))} recommended with priority"
        f" {result['request']['priority']}. Together they change the cost from"
        f" {before['cost_per_month']:.2f} to {after['cost_per_month']:.2f} {currency} per month"
        f" ({result['metrics']['change'].get('cost_per_month', '0%')}).",
        "",
    ]
    lines += [
        f"{entry['id']}. {entry['action']}: {entry['impact']}, cost {entry['cost_change']}."
        for entry in result["recommendations"]
    ]
    if before["latency_p95_ms"] and after["latency_p95_ms"]:
        lines += ["", f"The highest p95 latency goes from {before['latency_p95_ms']:.2f} to"
                      f" {after['latency_p95_ms']:.2f} ms."]  # fmt: skip
    lines += ["", *result["notes"]]
    return "\n".join(lines).strip()


def facts_text(result: dict[str, Any]) -> str:
    """What the model is told: the report by rule is the facts, and the risks."""
    lines = [report_text(result), "", "Risks:"]
    lines += [f"{entry['id']}: {' '.join(entry['risks'])}" for entry in result["recommendations"]]
    return "\n".join(lines)


def is_faithful(text: str, result: dict[str, Any]) -> bool:
    """Whether a text has no number that is not a fact, and tells of every recommendation."""
    facts = _numbers(facts_text(result))
    is_known = _numbers(text) <= facts
    has_all = all(
        _has(text, entry["cost_change"]) and _names(entry, text)
        for entry in result["recommendations"]
    )
    return bool(text.strip()) and len(text) <= MAX_REPORT_CHARS and is_known and has_all


def _names(entry: dict[str, Any], text: str) -> bool:
    """Whether a text names what a recommendation changes to, or its id."""
    after = entry["after"]
    keys = {
        "gpu_type": after["gpu_type"],
        "precision": after["precision"],
        "gpu_type_and_precision": after["gpu_type"],
        "spot": "spot",
        "caching": "prompt",
        "schedule": "hours",
        "batch_size": "batch",
        "model_size": "model",
        "gpu_count": "GPU",
    }
    return _has(text, entry["id"]) or _has(text.lower(), keys[entry["category"]].lower())


def _has(text: str, token: str) -> bool:
    """Whether a token stands in a text by itself: ``0%`` is not in ``10%``, ``R1`` not in ``R12``.

    A word may have an ending: ``gpu`` is in ``gpus``.
    """
    after = r"(?![\d.]*\d)" if token[-1].isdigit() else ""
    before = r"(?<![\w.,+-])" if token[0].isdigit() else r"(?<!\w)"
    return re.search(before + re.escape(token) + after, text) is not None


def _numbers(text: str) -> set[str]:
    """The numbers of a text in one form: ``1,200.50`` and ``1200.5`` are the same."""
    found = set()
    for number in _NUMBER.findall(text):
        plain = number.replace(",", "")
        found.add(f"{float(plain):.12g}")
    return found


def _counted(n: int) -> str:
    return "1 change is" if n == 1 else f"{n} changes are"
