"""Exchanges about everyday calculations: prices, percentages, shapes, travel and units."""

from __future__ import annotations

import re
from collections.abc import Callable

from notebook_agents.engine.training.conversation import Exchange
from notebook_agents.engine.training.python_calls import (
    Amount,
    asked,
    count,
    currency,
    execute,
    finished,
    percent,
    price,
    printed,
    said,
)  # fmt: skip
from notebook_agents.engine.training.scene import Scene

# Pool: formula and the kinds of its amounts a, b, c, d. The kinds: `n` a small whole number, `k` a
# smaller one, `q` one that may be a bare price, `v` any measured value, `p` a percentage, `m`
# money, `x` a low price, `M` a high one, `r` a rate, `y` and `z` an earlier and a later year.
Problems = dict[str, tuple[str, str]]

THINGS: Problems = {
    "boxes": ("{a} * {b}", "nq"),
    "gone": ("{a} - {b}", "qq"),
    "more": ("{a} + {b}", "qq"),
    "shared": ("{a} / {b}", "qn"),
    "left_over": ("{a} % {b}", "nn"),
    "boxes_needed": ("math.ceil({a} / {b})", "nn"),
    "full_boxes": ("{a} // {b}", "nn"),
    "three_added": ("{a} + {b} + {c}", "nnn"),
    "gone_and_more": ("{a} - {b} + {c}", "nnn"),
    "gone_twice": ("{a} - {b} - {c}", "nnn"),
    "nested_boxes": ("{a} * {b} * {c}", "nnn"),
    "rule_of_three": ("{b} * {c} / {a}", "nvn"),
    "born": ("{b} - {a}", "yz"),
}
MONEY: Problems = {
    "two_products": ("{a} * {b} + {c} * {d}", "nxnx"),
    "change_of_purchase": ("{a} - {b} * {c}", "mnx"),
    "change_of_price": ("{a} - {b}", "mx"),
    "price_by_weight": ("{a} * {b}", "vx"),
    "profit": ("({a} - {b}) * {c}", "mmn"),
    "bill_with_tip": ("{a} * (100 + {b}) / 100 / {c}", "mpk"),
    "exchange": ("{a} * {b}", "mr"),
    "monthly_pay": ("{a} / 12", "M"),
    "yearly_pay": ("{a} * 12", "m"),
    "hourly_pay": ("{a} * {b}", "xk"),
    "hourly_rate": ("{a} / {b}", "Mn"),
    "weekly_pay": ("{a} * {b} * {c}", "xkk"),
    "fuel_cost": ("{a} * {b} / 100 * {c}", "vvx"),
}
PERCENTAGES: Problems = {
    "raised": ("{a} * (100 + {b}) / 100", "vp"),
    "lowered": ("{a} * (100 - {b}) / 100", "vp"),
    "change": ("100 * ({b} - {a}) / {a}", "vv"),
    "whole_of": ("100 * {a} / {b}", "vp"),
    "discount": ("{a} * (100 - {b}) / 100", "mp"),
    "saved": ("{a} * {b} / 100", "mp"),
    "with_tax": ("{a} * (100 + {b}) / 100", "mp"),
    "without_tax": ("100 * {a} / (100 + {b})", "mp"),
    "before_discount": ("100 * {a} / (100 - {b})", "mp"),
    "simple_interest": ("{a} * {b} * {c} / 100", "Mpk"),
    "compound": ("{a} * (1 + {b} / 100) ** {c}", "Mpk"),
}
MEASURES: Problems = {
    "speed": ("{a} / {b}", "vv"),
    "way": ("{a} * {b}", "vv"),
    "travel_time": ("{a} / {b}", "vv"),
    "fuel_used": ("{a} * {b} / 100", "vv"),
    "fuel_per_100": ("100 * {a} / {b}", "vv"),
    "rectangle_area": ("{a} * {b}", "vv"),
    "rectangle_edge": ("2 * ({a} + {b})", "vv"),
    "box_volume": ("{a} * {b} * {c}", "vvv"),
    "triangle_area": ("{a} * {b} / 2", "vv"),
    "circle_area": ("round(math.pi * {a} ** 2, 6)", "v"),
    "circle_edge": ("round(2 * math.pi * {a}, 6)", "v"),
    "cylinder_volume": ("round(math.pi * {a} ** 2 * {b}, 6)", "vv"),
    "sphere_volume": ("round(4 / 3 * math.pi * {a} ** 3, 6)", "v"),
    "hypotenuse": ("round(math.hypot({a}, {b}), 6)", "vv"),
}
UNITS: dict[str, tuple[str, ...]] = {
    "{a} * 1.609344": ("miles|mi|mile", "km|kilometers|kilometres"),
    "{a} / 1.609344": ("km|kilometers|kilometres", "miles|mi"),
    "{a} * 3.28084": ("meters|m|metres", "feet|ft"),
    "{a} * 0.3048": ("feet|ft|foot", "meters|m|metres"),
    "{a} / 2.54": ("cm|centimeters|centimetres", "inches|inch|in"),
    "{a} * 2.54": ("inches|inch", "cm|centimeters|centimetres"),
    "{a} / 0.45359237": ("kg|kilograms|kilos", "pounds|lbs|lb"),
    "{a} * 0.45359237": ("pounds|lbs|lb", "kg|kilograms|kilos"),
    "{a} / 28.349523": ("g|grams|gram", "ounces|oz"),
    "{a} * 28.349523": ("ounces|oz", "g|grams"),
    "{a} / 3.785412": ("liters|litres|l", "gallons|gal|us gallons"),
    "{a} * 3.785412": ("gallons|gal|us gallons", "liters|litres|l"),
    "{a} * 0.9144": ("yards|yd", "meters|m|metres"),
    "{a} * 60": ("hours|h|hrs", "minutes|min|mins"),
    "{a} / 60": ("minutes|min|mins", "hours|h|hrs"),
    "{a} * 3600": ("hours|h|hrs", "seconds|sec|s"),
    "{a} / 3600": ("seconds|sec", "hours|h|hrs"),
    "{a} * 24": ("days", "hours|h|hrs"),
    "{a} / 24": ("hours|h", "days"),
    "{a} * 7": ("weeks", "days"),
    "{a} / 7": ("days", "weeks"),
    "{a} * 86400": ("days", "seconds|sec"),
    "{a} * 1440": ("days", "minutes|min"),
    "{a} / 3.6": ("km/h|kmh|kilometers per hour|kph", "m/s|meters per second"),
    "{a} * 3.6": ("m/s|meters per second", "km/h|kmh|kilometers per hour"),
    "{a} * 1000": ("kg|km|liters|m", "g|m|ml|mm"),
    "{a} / 1000": ("g|m|ml|mm", "kg|km|liters|m"),
    "{a} * 100": ("meters|m", "cm|centimeters"),
    "{a} / 100": ("cm|centimeters", "meters|m"),
    "{a} * 10": ("cm|centimeters", "mm|millimeters"),
    "{a} / 10": ("mm|millimeters", "cm|centimeters"),
    "{a} * 1024": ("GB|gigabytes", "MB|megabytes"),
    "{a} / 1024": ("MB|megabytes", "GB|gigabytes"),
}
_PAIRED = ("{a} * 1000", "{a} / 1000")
_SINGULAR = re.compile(r"\b(a|one|per|every|each|single|of this) \{([wv])\}")
_NOUNS = (
    *("apples", "oranges", "books", "pens", "tickets", "chairs", "eggs", "bottles", "cookies"),
    *("stamps", "coins", "marbles", "shirts", "bananas", "cakes", "sweets", "boxes", "plates"),
    *("notebooks", "candles", "flowers", "cups", "bricks", "pencils", "pizzas", "toys", "cards"),
    *("coffees", "sandwiches", "lamps", "bags", "balloons", "stickers", "lemons", "roses"),
    *("parcels", "tiles", "cables"),
)


def noun(scene: Scene) -> str:
    """What there may be several of."""
    return scene.rng.choice(_NOUNS) if scene.chance(0.5) else scene.names.word()


def _problem(problems: Problems, category: str) -> Callable[[Scene], Exchange]:
    """The maker of the problems of a table."""

    def make(scene: Scene) -> Exchange:
        name = scene.rng.choice(list(problems))
        form, kinds = problems[name]
        amounts = _amounts(scene, form, kinds)
        slots = said(amounts) | {"w": noun(scene), "v": noun(scene)}
        slots |= {"wo": _one_of(slots["w"]), "vo": _one_of(slots["v"])}
        phrase = _SINGULAR.sub(r"\1 {\2o}", asked(scene, name))
        return finished(scene.words(phrase, slots), printed(form, amounts), category)

    return make


def _one_of(noun: str) -> str:
    if noun not in _NOUNS:
        return noun
    return noun[:-2] if noun.endswith(("xes", "ches")) else noun[:-1]


def _amounts(scene: Scene, form: str, kinds: str) -> dict[str, Amount]:
    """Amounts of these kinds; those whose result would be below zero are drawn again."""
    money = currency(scene)
    for _ in range(20):
        found = {
            slot: _amount(scene, kind, money) for slot, kind in zip("abcd", kinds, strict=False)
        }
        if " - " not in form or not execute(printed(form, found)).startswith("-"):
            break
        if form.startswith("100 * ("):
            break
    return found


def _amount(scene: Scene, kind: str, money: str) -> Amount:
    rng = scene.rng
    if kind == "n":
        return count(scene)
    if kind == "k":
        return count(scene, 8)
    if kind == "q":
        return count(scene) if scene.chance(0.7) else price(scene)
    if kind == "p":
        return percent(scene)
    if kind == "m":
        return price(scene, money)
    if kind == "x":
        return price(scene, money, 40)
    if kind == "M":
        return price(scene, money, 90000)
    if kind == "r":
        code = f"{rng.uniform(0.5, 2):.{rng.choice((1, 2, 2, 3, 4))}f}"
        return Amount(code, code)
    if kind in "yz":
        code = str(rng.randint(1930, 2012) if kind == "y" else rng.randint(2013, 2050))
        return Amount(code, code)
    return _value(scene)


def _value(scene: Scene) -> Amount:
    """A measured value: a small whole number, one with decimals or a large one."""
    dice = scene.rng.random()
    if dice < 0.5:
        return count(scene)
    if dice < 0.8:
        most = scene.rng.choice((1, 10, 100))
        code = f"{scene.rng.uniform(0.1, most):.{scene.rng.choice((1, 1, 2))}f}"
        code = code if float(code) else "0.5"
        return Amount(code, code)
    return count(scene, 2000)


def _conversion(scene: Scene) -> Exchange:
    form = scene.rng.choice(list(UNITS))
    here, there = (units.split("|") for units in UNITS[form])
    place = scene.rng.randrange(len(here))
    unit = here[place]
    wanted = there[place] if form in _PAIRED else scene.rng.choice(there)
    amounts = {"a": _value(scene)}
    slots = said(amounts) | {"u": unit, "t": wanted}
    text = scene.words(asked(scene, "convert"), slots)
    return finished(text, printed(form, amounts), "arithmetic units")


def _hours_and_minutes(scene: Scene) -> Exchange:
    minutes = str(scene.rng.randint(61, scene.rng.choice((200, 1000, 5000))))
    text = scene.words(asked(scene, "hours_and_minutes"), {"a": minutes})
    return finished(text, f"print(divmod({minutes}, 60))", "arithmetic units")


KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = (
    (_problem(THINGS, "arithmetic problem"), 8), (_problem(MONEY, "arithmetic problem"), 8),
    (_problem(PERCENTAGES, "arithmetic percent"), 9),
    (_problem(MEASURES, "arithmetic problem"), 6), (_conversion, 7), (_hours_and_minutes, 1),
)  # fmt: skip
"""Makers of word problems and conversions and how often each is drawn."""
