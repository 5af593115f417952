"""Exchanges that calculate or run code with Python; every call is really executed."""

from __future__ import annotations

import keyword
from collections.abc import Callable

from notebook_agents.engine.telling import failure
from notebook_agents.engine.training import dates, values, word_problems
from notebook_agents.engine.training.conversation import PYTHON, Call, Exchange, Step
from notebook_agents.engine.training.python_calls import (
    Amount,
    asked,
    count,
    execute,
    finished,
    number,
    percent,
    price,
    printed,
    said,
    signed,
)  # fmt: skip
from notebook_agents.engine.training.scene import Scene
from notebook_agents.engine.training.words import ordinal

BINARY = {
    "plus": "{a} + {b}",
    "minus": "{a} - {b}",
    "times": "{a} * {b}",
    "over": "{a} / {b}",
    "power": "{a} ** {b}",
    "modulo": "{a} % {b}",
    "floor": "{a} // {b}",
    "percent": "{b} * {a} / 100",
    "share": "100 * {a} / {b}",
    "gcd": "math.gcd({a}, {b})",
    "lcm": "math.lcm({a}, {b})",
    "round_to": "round({a}, {b})",
    "two_max": "max({a}, {b})",
    "two_min": "min({a}, {b})",
    "larger_than": "{a} > {b}",
    "smaller_than": "{a} < {b}",
    "is_equal": "{a} == {b}",
    "divisible": "{a} % {b} == 0",
    "distance": "abs({a} - {b})",
    "nth_root": "round({a} ** (1 / {b}), 6)",
    "choose": "math.comb({a}, {b})",
}
UNARY = {
    "root": "round(math.sqrt({a}), 6)",
    "square": "{a} ** 2",
    "cube": "{a} ** 3",
    "factorial": "math.factorial({a})",
    "half": "{a} / 2",
    "double": "{a} * 2",
    "triple": "{a} * 3",
    "third": "{a} / 3",
    "quarter": "{a} / 4",
    "log": "round(math.log({a}), 6)",
    "log10": "round(math.log10({a}), 6)",
    "log2": "round(math.log2({a}), 6)",
    "sum_to": "sum(range(1, {a} + 1))",
    "binary": "bin({a})[2:]",
    "octal": "oct({a})[2:]",
    "hex": "hex({a})[2:]",
    "celsius": "round(({a} - 32) * 5 / 9, 2)",
    "fahrenheit": "round({a} * 9 / 5 + 32, 2)",
    "absolute": "abs({a})",
    "round_whole": "round({a})",
    "round_down": "math.floor({a})",
    "round_up": "math.ceil({a})",
    "is_even": "{a} % 2 == 0",
    "is_odd": "{a} % 2 == 1",
    "digit_count": "len(str({a}))",
    "digit_sum": "sum(int(d) for d in str({a}))",
    "divisors": "[n for n in range(1, {a} + 1) if {a} % n == 0]",
    "inverse": "1 / {a}",
    "table_of": "[{a} * n for n in range(1, 11)]",
}
BASES = {"from_binary": ("int('{a}', 2)", "b"), "from_hex": ("int('{a}', 16)", "x"),
         "from_octal": ("int('{a}', 8)", "o")}  # fmt: skip
NO_OUTPUT = "The code ran without output."
_SIMPLE_OPS = ("+", "-", "*", "+", "-", "*", "/", "**", "%", "//")
_SPOKEN = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
_FRACTIONS = frozenset(("plus", "minus", "times", "over", "two_max", "two_min", "distance",
                        "larger_than", "smaller_than", "is_equal"))  # fmt: skip


def calculation(scene: Scene) -> Exchange:
    """A calculation of any kind."""
    maker = scene.rng.choices([m for m, _ in ALL_KINDS], [w for _, w in ALL_KINDS])[0]
    return maker(scene)


def run_code(scene: Scene) -> Exchange:
    """Code given by the user, copied exactly."""
    code = _code(scene)
    text = scene.words(scene.picker.pick("run"), {"code": _fenced(scene, code)}, plain=True)
    result = execute(code)
    answer = failure(result) if result.startswith("Error: ") else output_answer(result)
    return Exchange("run code", text, (Step(Call(PYTHON, {"code": code}), result),), answer)


def output_answer(result: str) -> str:
    """The answer that shows the output of code."""
    if not result:
        return NO_OUTPUT
    return f"Output:\n```\n{result}\n```" if "\n" in result else f"The output is {result}"


def _expression(scene: Scene) -> Exchange:
    parts = _random_parts(scene)
    space = " " if scene.chance(0.4) else ""
    expression = space.join(part.code for part in parts)
    text = space.join(part.said for part in parts)
    if scene.chance(0.08) and all(p.code in _SPOKEN for p in parts[1::2]):
        text = " ".join(_SPOKEN.get(part.said, part.said) for part in parts)
    elif scene.chance(0.1) and "**" not in text:
        text = text.replace("*", scene.rng.choice(("x", "\u00d7", " x ")))
        text = (
            text.replace("/", scene.rng.choice(("\u00f7", ":", "/"))) if "//" not in text else text
        )
    text = text.replace("**", "^") if scene.chance(0.4) else text
    inexact = "/" in expression.replace("//", "") or "." in expression
    code = f"print(round({expression}, 6))" if inexact else f"print({expression})"
    return finished(scene.words(scene.picker.pick("expression"), {"e": text}), code)


def _random_parts(scene: Scene) -> list[Amount]:
    """Numbers and the operators between them; a bracket belongs to its number."""
    powers = scene.chance(0.12)
    parts = [_short(scene, 999, 2) if powers else signed(scene)]
    for place in range(scene.rng.choice((1, 1, 1, 1, 2, 2, 3))):
        op = "**" if powers and not place else scene.rng.choice(_SIMPLE_OPS)
        if op == "**" and place:
            op = "+"
        parts.append(Amount(op, op))
        parts.append(_short(scene, 12, 2) if op == "**" else number(scene))
        if op == "**" and not powers:
            parts[0] = _short(scene, 999, 2)
    if len(parts) > 4 and not any(p.code == "**" for p in parts) and scene.chance(0.5):
        parts[0] = Amount(f"({parts[0].said}", f"({parts[0].code}")
        parts[2] = Amount(f"{parts[2].said})", f"{parts[2].code})")
    elif len(parts) > 4 and parts[1].code != "**" and scene.chance(0.25):
        parts[2] = Amount(f"({parts[2].said}", f"({parts[2].code}")
        parts[4] = Amount(f"{parts[4].said})", f"{parts[4].code})")
    return parts


def _short(scene: Scene, most: int, least: int = 1) -> Amount:
    code = str(scene.rng.randint(least, most))
    return Amount(code, code)


def _binary(scene: Scene) -> Exchange:
    weights = [5 if name in ("plus", "minus", "times", "over", "percent") else 2 for name in BINARY]
    name = scene.rng.choices(list(BINARY), weights)[0]
    a, b = _operands(scene, name)
    amounts = {"a": a, "b": b}
    phrase = asked(scene, name).replace("{b}th", "{o}").replace("{b}-th", "{o}")
    slots = {**said(amounts), "o": ordinal(b.said)}
    if "{w}" in phrase:
        slots["w"] = word_problems.noun(scene)
    text = scene.words(phrase, slots)
    return finished(text, printed(BINARY[name], amounts))


def _operands(scene: Scene, name: str) -> tuple[Amount, Amount]:
    if name == "is_equal" and scene.chance(0.35):
        a = number(scene)
        return a, Amount(a.code, a.code)
    if name in _FRACTIONS:
        b = signed(scene, 5)
        return signed(scene), b if b.code.strip("-0.") else Amount("7", "7")
    if name == "power":
        return _short(scene, 99, 2), _short(scene, 12, 2)
    if name == "nth_root":
        return number(scene, 6, whole=True), _short(scene, 8, 3)
    if name == "choose":
        most = scene.rng.randint(3, 60)
        return _short(scene, most + 4, most), _short(scene, min(most, 12))
    if name == "percent":
        return percent(scene), scene.rng.choice((number, price))(scene)
    if name == "share":
        return number(scene, 4), number(scene, 5)
    if name == "round_to":
        return _decimal(scene), _short(scene, 4)
    a, b = number(scene, 6, whole=True), number(scene, 4, whole=True)
    if name == "divisible":
        b = _short(scene, scene.rng.choice((12, 99)), 2)
    return a, b


def _decimal(scene: Scene) -> Amount:
    rng = scene.rng
    sign = "-" if scene.chance(0.1) else ""
    code = f"{sign}{rng.uniform(0, rng.choice((10, 1000, 100000))):.{rng.randint(2, 7)}f}"
    return Amount(code, code)


def _unary(scene: Scene) -> Exchange:
    weights = [3 if name in ("root", "square", "celsius", "fahrenheit") else 1 for name in UNARY]
    name = scene.rng.choices(list(UNARY), weights)[0]
    amounts = {"a": _operand(scene, name)}
    text = scene.words(asked(scene, name), said(amounts))
    return finished(text, printed(UNARY[name], amounts))


def _operand(scene: Scene, name: str) -> Amount:
    if name in ("factorial", "divisors"):
        return _short(scene, 20 if name == "factorial" else 500, 2)
    if name in ("celsius", "fahrenheit"):
        code = f"{scene.rng.uniform(-30, 300):.{scene.rng.choice((0, 0, 0, 1))}f}".replace(
            "-0", "0"
        )
        return Amount(code, code)
    if name == "absolute":
        made = number(scene)
        return Amount(f"-{made.said}", f"-{made.code}")
    if name in ("round_whole", "round_down", "round_up"):
        return _decimal(scene)
    if name in ("half", "double", "triple", "square", "third", "quarter"):
        return number(scene, 5)
    if name in ("table_of", "sum_to"):
        return _short(scene, scene.rng.choice((20, 100, 1000, 5000)), 2)
    return number(scene, 5, whole=True)


def _base(scene: Scene) -> Exchange:
    name = scene.rng.choice(list(BASES))
    form, letter = BASES[name]
    code = format(scene.rng.randint(1, 5000), letter)
    code = code.upper() if scene.chance(0.3) else code
    spelled = ("0" + letter + code) if scene.chance(0.15) else code
    if spelled != code:
        code = spelled
    text = scene.words(asked(scene, name), {"a": code})
    return finished(text, printed(form, {"a": Amount(code, code)}))


def _with_root(scene: Scene) -> Exchange:
    """A root inside an expression."""
    a, b, op = number(scene, 4, whole=True), count(scene), scene.rng.choice("+-*/")
    root = scene.rng.choice(("sqrt({a})", "sqrt({a})", "sqrt {a}", "\u221a{a}", "math.sqrt({a})"))
    left = scene.chance(0.5)
    phrase = f"{root} {op} {{b}}" if left else f"{{b}} {op} {root}"
    form = f"math.sqrt({{a}}) {op} {{b}}" if left else f"{{b}} {op} math.sqrt({{a}})"
    amounts = {"a": a, "b": b}
    pattern = scene.picker.pick("expression").replace("{e}", phrase)
    return finished(scene.words(pattern, said(amounts)), printed(f"round({form}, 6)", amounts))


KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = (
    (_expression, 30), (_binary, 26), (_unary, 13), (_base, 2), (_with_root, 2),
)  # fmt: skip
"""Makers of calculations with bare numbers and how often each is drawn."""

ALL_KINDS = (*KINDS, *values.KINDS, *dates.KINDS, *word_problems.KINDS)
"""Every maker of a calculation; the modules give their weights on one scale."""


def _fenced(scene: Scene, code: str) -> str:
    if "\n" in code or scene.chance(0.15):
        return scene.rng.choice((f"\n```python\n{code}\n```", f"\n```\n{code}\n```", f"\n{code}"))
    return scene.rng.choice((code, code, code, f"`{code}`"))


def _code(scene: Scene) -> str:
    names = scene.names
    a, b, w, v = names.number(3), names.number(2), _identifier(scene), names.word()
    forms = (
        f"print({a} + {b})", f"{w} = {a}\nprint({w} * {b})", f"print('{v}')", f"{w} = {a}",
        f"for i in range({names.rng.randint(1, 4)}):\n    print(i, '{v}')", f"print(len('{v}'))",
        f"{w} = [{a}, {b}]\nprint(sum({w}))", f"print({w})", f"import {v}", f"print({a} / 0)",
        f"{w} = '{v}'\nprint({w}.upper())", f'print("{v}", {a})', f"print([{a}, {b}][1])",
        f"def {w}(x):\n    return x * {b}\nprint({w}({a}))",
        f"import math\nprint(math.floor({a}.5))",
        f"{w} = {{'{v}': {a}}}\nprint({w})", f"print(sorted([{a}, {b}, 7]))",
    )  # fmt: skip
    return scene.rng.choice(forms)


def _identifier(scene: Scene) -> str:
    word = scene.names.word()
    return word if word.isidentifier() and word not in _RESERVED else scene.rng.choice("xyzabn")


_RESERVED = frozenset(
    (
        *keyword.kwlist,
        *("print", "sum", "len", "range", "sorted", "i", "x", "input", "open", "exit", "quit"),
        *("help", "breakpoint"),
    )
)
