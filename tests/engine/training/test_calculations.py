"""Claims about the calculations of the training data: real results and plain digits."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from notebook_agents.engine.training import calculations, dates, values, word_problems
from notebook_agents.engine.training.conversation import Exchange
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.pools import all_pools
from notebook_agents.engine.training.python_calls import OF_THE_DAY
from notebook_agents.engine.training.scene import Scene

from .conftest import scene_of


def _code(exchange: Exchange) -> str:
    return str(exchange.steps[0].call.arguments["code"])


@pytest.mark.parametrize("maker", [maker for maker, _ in calculations.ALL_KINDS])
@pytest.mark.parametrize("held", [False, True])
def test_results_are_those_of_real_execution(
    maker: Callable[[Scene], Exchange], held: bool, tmp_path: Path
) -> None:
    with Workspace(tmp_path) as workspace:
        for seed in range(60):
            exchange = maker(scene_of(seed, held=held))
            if exchange.category == OF_THE_DAY:
                continue
            step = exchange.steps[0]
            assert workspace.run(step.call) == step.result


def test_every_request_has_its_slots_filled_and_valid_code() -> None:
    for seed in range(2500):
        exchange = calculations.calculation(scene_of(seed))
        ast.parse(_code(exchange))
        assert not re.search(r"\{[a-z]{1,2}\}", exchange.request), exchange.request
        assert not re.search(r"\{[a-z]{1,2}\}", _code(exchange)), _code(exchange)


def test_calculations_hardly_ever_fail() -> None:
    results = [calculations.calculation(scene_of(s)).steps[0].result for s in range(2500)]
    assert sum(result.startswith("Error: ") for result in results) < 5


def test_numbers_are_said_in_many_ways_and_coded_in_plain_digits() -> None:
    made = [calculations.calculation(scene_of(seed)) for seed in range(2500)]
    for written in (r"\d,\d{3}\b", r"\d[kK]\b", r"[$€£]\d", r"-\d", r"\bmillion\b"):
        assert any(re.search(written, e.request) for e in made), written
    assert not any(re.search(r"\d,\d{3}(?!\d)", _code(e)) for e in made if "[" not in _code(e))


def test_every_kind_has_at_least_fifteen_phrasings() -> None:
    names = (
        *calculations.BINARY, *calculations.UNARY, *values.LISTS, *values.WORDS, *dates.TWO_DATES,
        *dates.ONE_DATE, *dates.MOVED_DATE, *dates.CLOCK, *word_problems.PERCENTAGES, "convert",
    )  # fmt: skip
    for name in names:
        parts = [all_pools().get(name), all_pools().get(f"{name} ask")]
        assert sum(len(p.train) + len(p.held) for p in parts if p) >= 15, name


@pytest.mark.parametrize(
    ("request_end", "code"),
    [
        ("subtract {b} from {a}", "{a} - {b}"),
        ("{a}% of {b}", "round({b} * {a} / 100, 6)"),
    ],
)
def test_the_order_of_the_formula_is_not_the_order_of_the_words(
    request_end: str, code: str
) -> None:
    words = re.escape(request_end).replace(r"\{a\}", r"(?P<a>[\d.]+)")
    pattern = re.compile(words.replace(r"\{b\}", r"(?P<b>[\d.]+)") + r"\W*$")
    found = 0
    for seed in range(6000):
        exchange = calculations.calculation(scene_of(seed))
        match = pattern.search(exchange.request)
        if match and "." not in match["a"] + match["b"]:
            plain = code.replace("{a}", match["a"].rstrip(".")).replace("{b}", match["b"])
            found += f"print({plain})" == _code(exchange)
    assert found > 0
