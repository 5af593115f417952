"""Exchanges that calculate or run code with Python; every call is really executed."""

from __future__ import annotations

import contextlib
import io
import keyword
from collections.abc import Callable

from notebook_agents.engine.training.conversation import PYTHON, Call, Exchange, Step
from notebook_agents.engine.training.fixtures import random_date
from notebook_agents.engine.training.scene import Scene, failure

BINARY = {
    "{a} + {b}": "plus",
    "{a} - {b}": "minus",
    "{a} * {b}": "times",
    "round({a} / {b}, 6)": "over",
    "{a} ** {b}": "power",
    "{a} % {b}": "modulo",
    "{a} // {b}": "floor",
    "round({b} * {a} / 100, 6)": "percent",
    "round(100 * {a} / {b}, 6)": "share",
    "math.gcd({a}, {b})": "gcd",
    "math.lcm({a}, {b})": "lcm",
}
UNARY = {
    "round(math.sqrt({a}), 6)": "root",
    "{a} ** 2": "square",
    "{a} ** 3": "cube",
    "math.factorial({a})": "factorial",
    "round({a} / 2, 6)": "half",
    "{a} * 2": "double",
    "round(math.log({a}), 6)": "log",
    "sum(range(1, {a} + 1))": "sum_to",
    "bin({a})[2:]": "binary",
    "hex({a})[2:]": "hex",
    "round(({a} - 32) * 5 / 9, 2)": "celsius",
    "round({a} * 9 / 5 + 32, 2)": "fahrenheit",
}
WORD_PROBLEM = {
    "{a} * {b}": "boxes",
    "{a} - {b}": "gone",
    "{a} + {b}": "more",
    "round({a} / {b}, 6)": "shared",
}
LISTS = {
    "sum([{l}])": "list_sum",
    "round(sum([{l}]) / len([{l}]), 6)": "list_mean",
    "max([{l}])": "list_max",
    "min([{l}])": "list_min",
    "sorted([{l}])": "list_sort",
    "statistics.median([{l}])": "list_median",
}
WORDS = {
    "'{w}'[::-1]": "reverse",
    "len('{w}')": "length",
    "'{w}'.upper()": "upper",
    "'{w}'.lower()": "lower",
    "'{w}'.count('{x}')": "count_letter",
}
NO_OUTPUT = "The code ran without output."
_SIMPLE_OPS = ("+", "-", "*", "+", "-", "*", "/", "**", "%", "//")
_PRIME_CODE = "print({a} > 1 and all({a} % i for i in range(2, int({a} ** 0.5) + 1)))"
_PRIMES_CODE = "print([n for n in range(2, {a}) if all(n % i for i in range(2, n))])"
_FIBONACCI_CODE = "x = [0, 1]\nwhile len(x) < {a}:\n    x.append(x[-1] + x[-2])\nprint(x[:{a}])"
_DAYS_CODE = "from datetime import date\nprint((date({q}) - date({p})).days)"
_WEEKDAY_CODE = "from datetime import date\nprint(date({p}).strftime('%A'))"


def execute(code: str) -> str:
    """Run code in a fresh namespace and return what it prints, or the line of its error."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            exec(compile(code, "<call>", "exec"), {"__name__": "__main__"})  # noqa: S102
    except Exception as error:  # noqa: BLE001
        return f"Error: {type(error).__name__}: {error}"
    return output.getvalue().strip()


def calculation(scene: Scene) -> Exchange:
    """A calculation of any kind."""
    makers: tuple[tuple[Callable[[Scene], Exchange], int], ...] = (
        (_expression, 34), (_binary, 18), (_unary, 10), (_list, 9), (_word, 10),
        (_numbers, 6), (_dates, 5), (_story, 7),
    )  # fmt: skip
    maker = scene.rng.choices([m for m, _ in makers], [w for _, w in makers])[0]
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


def finished(text: str, code: str, category: str = "arithmetic") -> Exchange:
    """An exchange whose answer is the printed result."""
    result = execute(code)
    answer = failure(result) if result.startswith("Error: ") else f"The result is {result}."
    return Exchange(category, text, (Step(Call(PYTHON, {"code": code}), result),), answer)


def operand(scene: Scene, most_digits: int = 6) -> str:
    """A whole or decimal number."""
    number = scene.names.number(12 if scene.chance(0.05) else most_digits)
    if scene.chance(0.15):
        number += "." + str(scene.rng.randint(1, 999))
    return number


def _expression(scene: Scene) -> Exchange:
    expression = _random_expression(scene)
    said = expression
    if scene.chance(0.1) and "**" not in said:
        said = said.replace("*", scene.rng.choice(("x", "\u00d7", " x ")))
    said = said.replace("**", "^") if scene.chance(0.4) else said
    first = expression.split("*")[0]
    if scene.chance(0.12) and "." not in expression and first.isdigit():
        said = f"{int(first):,}" + said[len(first) :]
    inexact = "/" in expression.replace("//", "") or "." in expression
    code = f"print(round({expression}, 6))" if inexact else f"print({expression})"
    text = scene.words(scene.picker.pick("expression"), {"e": said})
    return finished(text, code)


def _random_expression(scene: Scene) -> str:
    space = " " if scene.chance(0.35) else ""
    parts = [operand(scene)]
    for _ in range(scene.rng.choice((1, 1, 1, 1, 2, 2, 3))):
        op = scene.rng.choice(_SIMPLE_OPS)
        power = op == "**"
        if power and "**" in parts:
            op, power = "+", False
        number = str(scene.rng.randint(2, 12)) if power else operand(scene)
        parts += [op, number]
    if len(parts) > 4 and "**" not in parts and scene.chance(0.5):
        parts[0], parts[2] = f"({parts[0]}", f"{parts[2]})"
    if "**" in parts:
        place = parts.index("**")
        parts[place - 1] = str(scene.rng.randint(2, 999))
    return space.join(parts)


def _asked(scene: Scene, phrase: str) -> str:
    if phrase.split()[0] in _VERBS:
        return phrase
    return scene.picker.pick("expression").replace("{e}", phrase).replace("? ?", "?")


_VERBS = frozenset(
    (
        *("add", "sum", "subtract", "take", "multiply", "divide", "split", "square", "cube"),
        *("double", "convert", "reverse", "write", "make", "put", "uppercase", "lowercase"),
        *("count", "order", "how", "what", "is", "spell", "sort"),
    )
)


def _binary(scene: Scene) -> Exchange:
    form, pool = scene.rng.choice(list(BINARY.items()))
    a, b = operand(scene), operand(scene, 5)
    if "**" in form:
        a, b = str(scene.rng.randint(2, 99)), str(scene.rng.randint(2, 12))
    if "math" in form or "//" in form or "% " in form:
        a, b = scene.names.number(6), scene.names.number(4)
    return _math(scene, form, pool, {"a": a, "b": b})


def _unary(scene: Scene) -> Exchange:
    form, pool = scene.rng.choice(list(UNARY.items()))
    a = str(scene.rng.randint(2, 20)) if "factorial" in form else scene.names.number(5)
    return _math(scene, form, pool, {"a": a})


def _list(scene: Scene) -> Exchange:
    form, pool = scene.rng.choice(list(LISTS.items()))
    numbers = [operand(scene, 4) for _ in range(scene.rng.randint(3, 6))]
    said = ", ".join(numbers)
    if scene.chance(0.3):
        said = ", ".join(numbers[:-1]) + " and " + numbers[-1]
    phrase = scene.picker.pick(pool)
    text = scene.words(_asked(scene, phrase), {"l": said})
    return finished(text, _with_import(form.replace("{l}", ", ".join(numbers))))


def _word(scene: Scene) -> Exchange:
    form, pool = scene.rng.choice(list(WORDS.items()))
    word = scene.names.word()
    said = scene.rng.choice((word, word, f"'{word}'", f'"{word}"'))
    letter = scene.rng.choice(word)
    text = scene.words(_asked(scene, scene.picker.pick(pool)), {"w": said, "x": letter})
    return finished(text, f"print({form.replace('{w}', word).replace('{x}', letter)})")


def _numbers(scene: Scene) -> Exchange:
    code, pool, most = scene.rng.choice(
        ((_PRIME_CODE, "is_prime", 9999), (_PRIMES_CODE, "primes", 60),
         (_FIBONACCI_CODE, "fibonacci", 15))
    )  # fmt: skip
    a = str(scene.rng.randint(3, most))
    text = scene.words(scene.picker.pick(pool), {"a": a})
    return finished(text, code.replace("{a}", a))


def _dates(scene: Scene) -> Exchange:
    p, q = random_date(scene.rng), random_date(scene.rng)
    code, pool = scene.rng.choice(
        ((_DAYS_CODE, "days"), (_WEEKDAY_CODE, "weekday"),
         ("from datetime import date\nprint(date.today())", "today"),
         ("import sys\nprint(sys.version.split()[0])", "version"))
    )  # fmt: skip
    text = scene.words(scene.picker.pick(pool), {"p": p, "q": q})
    code = code.replace("{p}", _date_arguments(p)).replace("{q}", _date_arguments(q))
    exchange = finished(text, code)
    if pool not in ("today", "version"):
        return exchange
    fake = (
        random_date(scene.rng)
        if pool == "today"
        else f"3.{scene.rng.randint(9, 16)}.{scene.rng.randint(0, 20)}"
    )
    step = Step(exchange.steps[0].call, fake)
    return Exchange("clock", text, (step,), f"The result is {fake}.")


def _story(scene: Scene) -> Exchange:
    form, pool = scene.rng.choice(list(WORD_PROBLEM.items()))
    a, b = operand(scene, 3), operand(scene, 3)
    slots = {"a": a, "b": b, "w": scene.names.word()}
    text = scene.words(scene.picker.pick(pool), slots)
    code = form.replace("{a}", a).replace("{b}", b)
    inexact = "." in a + b and not form.startswith("round")
    return finished(text, f"print(round({code}, 6))" if inexact else f"print({code})")


def _math(scene: Scene, form: str, pool: str, slots: dict[str, str]) -> Exchange:
    text = scene.words(_asked(scene, scene.picker.pick(pool)), slots)
    code = form
    for name, value in slots.items():
        code = code.replace("{" + name + "}", value)
    inexact = any("." in v for v in slots.values()) and not form.startswith("round")
    return finished(text, _with_import(f"round({code}, 6)" if inexact else code))


def _with_import(expression: str) -> str:
    for module in ("math", "statistics"):
        if f"{module}." in expression:
            return f"import {module}\nprint({expression})"
    return f"print({expression})"


def _date_arguments(date: str) -> str:
    return ", ".join(str(int(part)) for part in date.split("-"))


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
