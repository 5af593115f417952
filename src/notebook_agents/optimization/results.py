"""The result of a run: everything computed, as plain JSON values with the rows it came from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from notebook_agents.optimization import wording
from notebook_agents.optimization.catalogue import Catalogue
from notebook_agents.optimization.choosing import Choice
from notebook_agents.optimization.effects import Effect
from notebook_agents.optimization.options import Option
from notebook_agents.optimization.pools import Pool, Setup, Survey

Result = dict[str, Any]


def empty() -> Result:
    """A result without anything that the data do not support."""
    return {"recommendations": [], "supply_config": {}, "metrics": {}, "actions": []}


def recommendations(survey: Survey, choice: Choice, catalogue: Catalogue) -> list[Result]:
    """What to change, in the order in which the effects add up."""
    return [
        _recommendation(number, option, survey, catalogue)
        for number, option in enumerate(choice.steps, start=1)
    ]


def alternatives(survey: Survey, choice: Choice, catalogue: Catalogue) -> list[Result]:
    """What else would be reasonable, against the present setup; not part of the projection."""
    found = []
    for option in choice.alternatives:
        shown = _change(option, survey, catalogue)
        if option.change == "model_size":
            shown["condition"] = "only with allow_smaller_model, because answers change"
        found.append(shown)
    return found


def supply_config(survey: Survey, choice: Choice, catalogue: Catalogue) -> Result:
    """How the workload would be supplied after all changes."""
    pools = [
        {
            "jobs": wording.subject(pool),
            "n_rows": pool.rows.n,
            **_setup(setup),
            "price_per_gpu_hour": _rounded(effect.price, 4),
            "gpu_hours_per_month": _rounded(effect.gpu_hours * survey.per_month),
            "is_changed": setup != pool.setup,
        }
        for pool, setup, effect in zip(survey.pools, choice.setups, choice.projected, strict=True)
    ]
    return {
        "currency": catalogue.currency,
        "price_catalogue": {
            "origin": catalogue.origin,
            "priced_on": catalogue.priced_on.isoformat(),
            "note": catalogue.note,
        },
        "pools": pools,
    }


def metrics(survey: Survey, choice: Choice, catalogue: Catalogue) -> Result:
    """Figures of the whole workload now and after all changes."""
    before = figures(survey, choice.baseline, catalogue.currency)
    after = figures(survey, choice.projected, catalogue.currency)
    names = [name for name in before if isinstance(before[name], float) and before[name]]
    change = {
        name: wording.percent(after[name] / before[name])
        for name in names
        if isinstance(after[name], float)
    }
    return {"baseline": before, "projected": after, "change": change}


def figures(survey: Survey, effects: Iterable[Effect], currency: str) -> Result:
    """Sums over the pools; None where the data do not say."""
    effects = tuple(effects)
    cost = sum(effect.cost for effect in effects) + survey.left_out_cost
    gpu_hours = sum(effect.gpu_hours for effect in effects)
    hours = sum(effect.hours for effect in effects)
    tokens = sum(pool.n_tokens for pool in survey.pools)
    latencies = [e.latency_p95_ms for e in effects if e.latency_p95_ms is not None]
    known = [e for e in effects if e.utilisation is not None]
    busy = sum((e.utilisation or 0.0) * e.gpu_hours for e in known)
    measured = sum(e.gpu_hours for e in known)
    return {
        "currency": currency,
        "cost_per_month": _rounded(cost * survey.per_month),
        "gpu_hours_per_month": _rounded(gpu_hours * survey.per_month),
        "latency_p95_ms": _rounded(max(latencies)) if latencies else None,
        "utilisation": _rounded(busy / measured, 4) if measured else None,
        "tokens_per_second": _rounded(tokens / (hours * 3600)) if tokens and hours else None,
        f"tokens_per_{currency.lower()}": _rounded(tokens / cost) if tokens and cost else None,
    }


def actions(survey: Survey, choice: Choice) -> list[Result]:
    """Ordered steps: what is easily undone first, then what brings most."""
    order = sorted(
        enumerate(choice.steps, start=1),
        key=lambda entry: (_first_of_pool(entry[1], choice), entry[1].risk, -entry[1].saving),
    )
    done = _in_sequence([(f"R{number}", option) for number, option in order])
    return [
        {
            "order": place,
            "recommendation": id,
            "action": wording.action(option, survey.pools[option.pool]),
            "step": wording.STEPS[option.change].step,
            "expected_effect": f"cost {wording.percent(option.cost_ratio)},"
            f" {wording.impact(option)}",
            "verify": wording.STEPS[option.change].verify,
            "rollback": wording.STEPS[option.change].rollback,
        }
        for place, (id, option) in enumerate(done, start=1)
    ]


def _first_of_pool(option: Option, choice: Choice) -> int:
    """The least risk of any change of the option's pool."""
    return min(step.risk for step in choice.steps if step.pool == option.pool)


def _in_sequence(entries: list[tuple[str, Option]]) -> list[tuple[str, Option]]:
    """The same order, but changes of one pool as they build on each other."""
    waiting = {pool: sorted(
        (entry for entry in entries if entry[1].pool == pool), key=lambda entry: int(entry[0][1:])
    ) for pool in {option.pool for _, option in entries}}  # fmt: skip
    return [waiting[option.pool].pop(0) for _, option in entries]


def _recommendation(number: int, option: Option, survey: Survey, catalogue: Catalogue) -> Result:
    pool = survey.pools[option.pool]
    return {
        "id": f"R{number}",
        **_change(option, survey, catalogue),
        "formula": wording.formula(option, catalogue.currency),
        "assumptions": wording.assumptions(option, pool, catalogue),
        "risks": _risks(option),
    }


def _risks(option: Option) -> list[str]:
    found = [wording.STEPS[option.change].risk]
    if option.is_other_vendor:
        found.append("The GPUs are of another vendor: check that all software runs there.")
    return found


def _change(option: Option, survey: Survey, catalogue: Catalogue) -> Result:
    pool = survey.pools[option.pool]
    per_month = survey.per_month
    return {
        "action": wording.action(option, pool),
        "impact": wording.impact(option),
        "cost_change": wording.percent(option.cost_ratio),
        "category": option.change,
        "cost_change_per_month": _rounded(-option.saving * per_month),
        "currency": catalogue.currency,
        "rows_used": _rows(pool),
        "before": _state(option.before_setup, option.before, per_month),
        "after": _state(option.after_setup, option.after, per_month),
    }


def _rows(pool: Pool) -> Result:
    """The rows behind a figure: the first of them by number and id, all of them by condition."""
    rows = pool.rows
    return {
        "n_rows": rows.n,
        "row_numbers": list(rows.numbers),
        "job_ids": list(rows.job_ids),
        "is_complete": rows.n == len(rows.numbers),
        "condition": rows.condition,
    }


def _setup(setup: Setup) -> Result:
    return {
        "gpu_type": setup.gpu_type,
        "n_gpus": setup.n_gpus,
        "model": setup.model,
        "model_share": setup.model_share,
        "precision": setup.precision,
        "batch_size": setup.batch_size,
        "pricing": "spot" if setup.is_spot else "on_demand",
        "hours": "off_peak" if setup.is_off_peak else "any",
        "cache": setup.is_cached,
    }


def _state(setup: Setup, effect: Effect, per_month: float) -> Result:
    def known(value: float | None, digits: int = 2) -> float | None:
        return None if value is None else _rounded(value, digits)

    return {
        **_setup(setup),
        "price_per_gpu_hour": _rounded(effect.price, 4),
        "cost_per_month": _rounded(effect.cost * per_month),
        "time_factor": _rounded(effect.time_factor, 4),
        "latency_p95_ms": known(effect.latency_p95_ms),
        "utilisation": known(effect.utilisation, 4),
        "gpu_memory_gib": _rounded(effect.memory_gib),
    }


def _rounded(value: float, digits: int = 2) -> float:
    return round(float(value), digits) + 0.0
