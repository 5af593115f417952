"""Calls of the Python tool that print one result: numbers as said and as code, and real results.

A user writes a number as `1,234`, `12k` or `$4.50`; the code always has its plain digits.
"""

from __future__ import annotations

import contextlib
import io
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from notebook_agents.engine.telling import failure
from notebook_agents.engine.training.conversation import PYTHON, Call, Exchange, Step
from notebook_agents.engine.training.pools import all_pools
from notebook_agents.engine.training.scene import Scene

OF_THE_DAY = "clock"
"""The category of code whose output differs from day to day or from place to place."""
_DECIMAL = re.compile(r"\d\.\d")
_SMALL = (
    *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    "twelve",
)
_CURRENCIES = (
    *("{}",) * 9, "${}", "${}", "€{}", "{} €", "£{}", "{} euros", "{} euro", "{} dollars",
    "{} usd", "{} eur", "{} pounds", "{} bucks",
)  # fmt: skip


@dataclass(frozen=True)
class Amount:
    """A number as the user writes it and as Python reads it."""

    said: str
    code: str


def execute(code: str) -> str:
    """Run code in a fresh namespace and return what it prints, or the line of its error."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            exec(compile(code, "<call>", "exec"), {"__name__": "__main__"})  # noqa: S102
    except Exception as error:  # noqa: BLE001
        return f"Error: {type(error).__name__}: {error}"
    return output.getvalue().strip()


def finished(text: str, code: str, category: str = "arithmetic") -> Exchange:
    """An exchange whose answer is the printed result."""
    result = execute(code)
    answer = failure(result) if result.startswith("Error: ") else f"The result is {result}."
    return Exchange(category, text, (Step(Call(PYTHON, {"code": code}), result),), answer)


def with_stand_in(exchange: Exchange, result: str) -> Exchange:
    """The same exchange with a made-up result, for code of `OF_THE_DAY`."""
    step = Step(exchange.steps[0].call, result)
    return Exchange(OF_THE_DAY, exchange.request, (step,), f"The result is {result}.")


def asked(scene: Scene, name: str) -> str:
    """A request of a pool: one of its whole requests, or one of its noun phrases in a frame.

    Pool `x` has the noun phrases and pool `x ask` the whole requests; one of them may be missing.
    """
    nouns, requests = all_pools().get(name), all_pools().get(f"{name} ask")
    n_nouns = len(nouns.train) if nouns else 0
    n_requests = len(requests.train) if requests else 0
    if scene.rng.random() * (n_nouns + n_requests) < n_requests:
        return scene.picker.pick(f"{name} ask")
    phrase = scene.picker.pick(name)
    if scene.chance(0.2):
        return phrase
    return scene.picker.pick("expression").replace("{e}", phrase).replace("? ?", "?")


def filled(form: str, slots: Mapping[str, str]) -> str:
    """A form with the texts of its slots."""
    for slot, value in slots.items():
        form = form.replace("{" + slot + "}", value)
    return form


def printed(form: str, amounts: Mapping[str, Amount]) -> str:
    """The code that prints a formula; what may be inexact is rounded to 6 places."""
    code = filled(form, {slot: amount.code for slot, amount in amounts.items()})
    decimals = any("." in amount.code for amount in amounts.values())
    inexact = decimals or "/" in form.replace("//", "") or bool(_DECIMAL.search(form))
    rounded = inexact and not any(
        mark in form for mark in ("round(", "ceil(", "==", ">", "<", "int(")
    )
    return with_import(f"round({code}, 6)" if rounded else code)


def with_import(expression: str) -> str:
    """The code that prints an expression, with the module it needs."""
    for module in ("math", "statistics", "itertools"):
        if f"{module}." in expression:
            return f"import {module}\nprint({expression})"
    return f"print({expression})"


def said(amounts: Mapping[str, Amount]) -> dict[str, str]:
    """The words of the slots."""
    return {slot: amount.said for slot, amount in amounts.items()}


def number(scene: Scene, most_digits: int = 6, *, whole: bool = False) -> Amount:
    """A number of any size that is not negative, sometimes with decimals."""
    code = scene.names.number(12 if scene.chance(0.05) else most_digits)
    if most_digits > 3 and scene.chance(0.1):
        code = scene.names.number(2) + "0" * scene.rng.randint(2, 6)
    if not whole and scene.chance(0.17):
        code += "." + str(scene.rng.randint(1, 999))
    return Amount(_written(scene.rng, code), code)


def signed(scene: Scene, most_digits: int = 6) -> Amount:
    """A number that is sometimes negative."""
    made = number(scene, most_digits)
    if not scene.chance(0.08):
        return made
    plain = scene.rng.choice(("-", "-", "-", "minus ", "negative "))
    return Amount(plain + made.said, "-" + made.code)


def count(scene: Scene, most: int = 200) -> Amount:
    """A small whole number, sometimes as a word."""
    top = scene.rng.choice((9, 12, 30, 100, most, most * 5))
    value = scene.rng.randint(2, max(2, min(top, most * 5)))
    if value <= 12 and scene.chance(0.15):
        return Amount(_SMALL[value - 2], str(value))
    return Amount(_written(scene.rng, str(value)), str(value))


def percent(scene: Scene) -> Amount:
    """The number in front of a percent sign."""
    rng = scene.rng
    dice = rng.random()
    if dice < 0.5:
        code = str(rng.choice((5, 7, 10, 12, 15, 18, 19, 20, 21, 22, 25, 30, 33, 40, 50, 60, 75)))
    elif dice < 0.8:
        code = str(rng.randint(1, 99))
    else:
        code = f"{rng.uniform(0.1, 60):.{rng.choice((1, 1, 2))}f}"
    return Amount(code, code)


def price(scene: Scene, currency: str = "{}", most: int = 1000) -> Amount:
    """An amount of money."""
    rng = scene.rng
    top = rng.choice((10, 50, 200, most, most))
    dice = rng.random()
    if dice < 0.45:
        code = str(rng.randint(1, top))
    elif dice < 0.6:
        code = f"{rng.randint(1, top)}.{rng.choice(('5', '50', '99', '95', '90', '25'))}"
    else:
        code = f"{rng.uniform(0.2, top):.2f}"
    return Amount(currency.replace("{}", _written(rng, code)), code)


def currency(scene: Scene) -> str:
    """How money is written in one request."""
    return scene.rng.choice(_CURRENCIES)


def _written(rng: random.Random, code: str) -> str:
    """Write digits as people do: mostly plain, long ones often with separators."""
    whole, dot, decimals = code.partition(".")
    if len(whole) < 4:
        return code
    if not dot and whole.endswith("000") and rng.random() < 0.45:
        thousands = whole[:-3]
        if len(thousands) <= 3:
            return thousands + rng.choice(("k", "k", "K", " thousand"))
        if thousands.endswith("00") and len(thousands) <= 5:
            tenth = "" if thousands[-3] == "0" else "." + thousands[-3]
            return thousands[:-3] + tenth + rng.choice((" million", " mio", " million"))
    if rng.random() < 0.35:
        return f"{int(whole):,}" + dot + decimals
    return code
