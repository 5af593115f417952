"""What a reader must know beside the numbers, and why there are none where there are none."""

from __future__ import annotations

from notebook_agents.optimization.choosing import Choice
from notebook_agents.optimization.pools import Survey
from notebook_agents.optimization.requests import Wish

SHOWN_OBSTACLES = 6
SHOWN_TYPES = 5


def notes_of(survey: Survey, wish: Wish, choice: Choice | None, *, chosen_here: str) -> list[str]:
    """One sentence each; ``chosen_here`` is what was taken because the request names nothing."""
    found = []
    if chosen_here:
        found.append(f"The request names no workload, so {chosen_here} taken.")
    if not survey.is_period_known:
        found.append(
            "The rows do not all say when they began, so the table is taken as one month;"
            " period_days says otherwise."
        )
    if survey.n_unpriced_rows:
        found.append(
            f"{survey.n_unpriced_rows} rows are left out because the price catalogue has no"
            f" {_types(survey)}."
        )
    if survey.n_left_out:
        found.append(f"{survey.n_left_out} rows of small groups stay as they are.")
    if choice is not None:
        found += _missed(wish, choice)
    return found


def reason_for(survey: Survey, wish: Wish, choice: Choice | None, *, is_recorded: bool) -> str:
    """Why nothing is recommended; empty when something is."""
    if choice is not None and choice.steps:
        return ""
    if survey.n_rows == 0:
        return "There are no recorded model steps of yours yet." if is_recorded else "No rows."
    if choice is None:
        where = "The device of your recorded runs" if is_recorded else "Every GPU type of the rows"
        return (
            f"{where} ({_types(survey)}) is missing in the price catalogue; add it to"
            " price_catalogue.toml with its price, memory and speed."
        )
    tried = f"None of {choice.n_evaluated} evaluated changes brings enough for the priority"
    tried += f" {wish.priority} within all constraints"
    shown = list(choice.obstacles.items())[:SHOWN_OBSTACLES]
    if not shown:
        return f"{tried}."
    said = [f"{count} {problem}" for problem, count in shown]
    if rest := sum(choice.obstacles.values()) - sum(count for _, count in shown):
        said.append(f"{rest} have other obstacles")
    return f"{tried}: {'; '.join(said)}."


def _missed(wish: Wish, choice: Choice) -> list[str]:
    """Limits that hold neither now nor after the changes."""
    found = []
    if choice.is_over_budget:
        found.append(
            f"The budget of {wish.budget:.2f} per month is not reached with these changes."
        )
    limit = wish.limits.latency_ms
    slow = [e.latency_p95_ms for e in choice.projected if e.latency_p95_ms is not None]
    if limit is not None and any(latency > limit for latency in slow):
        found.append(
            f"Some requests stay above the latency limit of {limit:g} ms that they break now."
        )
    return found


def _types(survey: Survey) -> str:
    shown = ", ".join(map(repr, survey.unpriced[:SHOWN_TYPES]))
    return shown + (" and others" if len(survey.unpriced) > SHOWN_TYPES else "")
