"""Exchanges that compute with lists of numbers, with words and with whole numbers."""

from __future__ import annotations

from collections.abc import Callable

from notebook_agents.engine.training.conversation import Exchange
from notebook_agents.engine.training.python_calls import (
    Amount,
    asked,
    filled,
    finished,
    number,
    printed,
    signed,
    with_import,
    with_stand_in,
)  # fmt: skip
from notebook_agents.engine.training.scene import Scene

LISTS = {
    "list_sum": "sum([{l}])",
    "list_mean": "round(sum([{l}]) / len([{l}]), 6)",
    "list_max": "max([{l}])",
    "list_min": "min([{l}])",
    "list_sort": "sorted([{l}])",
    "list_median": "statistics.median([{l}])",
    "list_sort_down": "sorted([{l}], reverse=True)",
    "list_range": "round(max([{l}]) - min([{l}]), 6)",
    "list_std": "round(statistics.stdev([{l}]), 6)",
    "list_variance": "round(statistics.variance([{l}]), 6)",
    "list_mode": "statistics.mode([{l}])",
    "list_product": "math.prod([{l}])",
    "list_count": "len([{l}])",
    "list_squares": "sum(x ** 2 for x in [{l}])",
    "list_running": "list(itertools.accumulate([{l}]))",
    "list_reverse": "[{l}][::-1]",
    "list_unique": "sorted(set([{l}]))",
    "list_second": "sorted([{l}])[-2]",
}
COMMON_LISTS = ("list_sum", "list_mean", "list_max", "list_min", "list_sort", "list_median")
ADDING_LISTS = ("list_sum", "list_product", "list_squares")
REPEATING_LISTS = ("list_mode", "list_unique")
WORDS = {
    "reverse": "'{w}'[::-1]",
    "length": "len('{w}')",
    "upper": "'{w}'.upper()",
    "lower": "'{w}'.lower()",
    "count_letter": "'{w}'.count('{x}')",
    "replace_letter": "'{w}'.replace('{x}', '{y}')",
    "palindrome": "'{w}' == '{w}'[::-1]",
    "repeat_word": "'{w}' * {n}",
    "first_letters": "'{w}'[:{n}]",
    "last_letters": "'{w}'[-{n}:]",
    "letters_sorted": "''.join(sorted('{w}'))",
    "vowels": "sum(c in 'aeiou' for c in '{w}')",
}
SENTENCES = {
    "title": "'{w}'.title()",
    "word_count": "len('{w}'.split())",
    "long_length": "len('{w}')",
}
WORD_LISTS = {
    "sort_words": "sorted([{q}])",
    "join_words": "'-'.join([{q}])",
    "longest_word": "max([{q}], key=len)",
}
_PRIME_CODE = "print({a} > 1 and all({a} % i for i in range(2, int({a} ** 0.5) + 1)))"
_PRIMES_CODE = "print([n for n in range(2, {a}) if all(n % i for i in range(2, n))])"
_FIBONACCI_CODE = "x = [0, 1]\nwhile len(x) < {a}:\n    x.append(x[-1] + x[-2])\nprint(x[:{a}])"
_VERSION_CODE = "import sys\nprint(sys.version.split()[0])"


def _list(scene: Scene) -> Exchange:
    weights = [3 if name in COMMON_LISTS else 1 for name in LISTS]
    name = scene.rng.choices(list(LISTS), weights)[0]
    numbers = _numbers_of(scene, name)
    code = ", ".join(n.code for n in numbers)
    text = scene.words(asked(scene, name), {"l": _listed(scene, numbers)})
    form = LISTS[name]
    if name in ADDING_LISTS:
        return finished(text, printed(form, {"l": Amount("", code)}))
    return finished(text, with_import(form.replace("{l}", code)))


def _numbers_of(scene: Scene, name: str) -> list[Amount]:
    n_numbers = scene.rng.choice((3, 3, 4, 4, 5, 6, 8))
    if name in REPEATING_LISTS:
        digits = scene.rng.choice((1, 2))
        few = [number(scene, digits, whole=True) for _ in range(3)]
        return [*few, few[scene.rng.randrange(3)], *scene.rng.choices(few, k=n_numbers - 2)]
    digits = scene.rng.choice((1, 2, 3, 4))
    if name == "list_running" or scene.chance(0.35):
        return [number(scene, digits, whole=True) for _ in range(n_numbers)]
    return [signed(scene, digits) for _ in range(n_numbers)]


def _listed(scene: Scene, numbers: list[Amount]) -> str:
    """Write numbers as people separate them."""
    dice = scene.rng.random()
    words = [n.said for n in numbers]
    simple = not any("," in w or " " in w for w in words)
    if dice < 0.3:
        return ", ".join(words[:-1]) + " and " + words[-1]
    if dice < 0.38 and simple:
        return " ".join(words)
    if dice < 0.44 and simple:
        return ",".join(words)
    if dice < 0.48:
        return "; ".join(words)
    if dice < 0.56:
        return f"[{', '.join(n.code for n in numbers)}]"
    if dice < 0.6:
        return ", ".join(words[:-1]) + ", and " + words[-1]
    return ", ".join(words)


def _word(scene: Scene) -> Exchange:
    common = ("reverse", "length", "upper", "lower", "count_letter")
    name = scene.rng.choices(list(WORDS), [3 if n in common else 1 for n in WORDS])[0]
    word = scene.names.word()
    if name in ("lower", "length", "reverse") and (name == "lower" or scene.chance(0.2)):
        word = scene.rng.choice((word.upper(), word.capitalize()))
    if name == "palindrome" and scene.chance(0.4):
        word = word[:4] + word[:4][::-1][scene.rng.randrange(2) :]
    quote = scene.rng.choice(("{}", "{}", "{}", "'{}'", '"{}"'))
    slots = {
        "w": word, "x": scene.rng.choice(word),
        "y": scene.rng.choice("abcdefghijklmnopqrstuvwxyz"), "n": str(scene.rng.randint(2, 6)),
    }  # fmt: skip
    text = scene.words(asked(scene, name), {**slots, "w": quote.replace("{}", word)})
    return finished(text, f"print({filled(WORDS[name], slots)})")


def _sentence(scene: Scene) -> Exchange:
    """A line of several words, in quotes where it would melt into the request."""
    name = scene.rng.choice(list(SENTENCES))
    line = " ".join(scene.names.word() for _ in range(scene.rng.randint(2, 6)))
    line = line.capitalize() if name != "title" and scene.chance(0.4) else line
    quoted = scene.rng.choice((f"'{line}'", f'"{line}"', f'"{line}"'))
    text = scene.words(asked(scene, name), {"w": quoted})
    return finished(text, f"print({filled(SENTENCES[name], {'w': line})})")


def _words(scene: Scene) -> Exchange:
    name = scene.rng.choice(list(WORD_LISTS))
    words = [scene.names.word() for _ in range(scene.rng.randint(3, 6))]
    text = ", ".join(words)
    if scene.chance(0.3):
        text = ", ".join(words[:-1]) + " and " + words[-1]
    elif scene.chance(0.15):
        text = " ".join(words)
    code = filled(WORD_LISTS[name], {"q": ", ".join(f"'{w}'" for w in words)})
    return finished(scene.words(asked(scene, name), {"l": text}), f"print({code})")


def _numbers(scene: Scene) -> Exchange:
    code, pool, most = scene.rng.choice(
        ((_PRIME_CODE, "is_prime", 9999), (_PRIMES_CODE, "primes", 60),
         (_FIBONACCI_CODE, "fibonacci", 15))
    )  # fmt: skip
    a = scene.rng.randint(3, most)
    if pool == "primes" and all(a % n for n in range(2, a)):
        a += 1  # "up to" and "below" then mean the same
    text = scene.words(scene.picker.pick(pool), {"a": str(a)})
    return finished(text, code.replace("{a}", str(a)))


def _version(scene: Scene) -> Exchange:
    made = finished(scene.words(scene.picker.pick("version"), {}), _VERSION_CODE)
    return with_stand_in(made, f"3.{scene.rng.randint(9, 16)}.{scene.rng.randint(0, 20)}")


KINDS: tuple[tuple[Callable[[Scene], Exchange], int], ...] = (
    (_list, 14), (_word, 12), (_sentence, 3), (_words, 3), (_numbers, 4), (_version, 1),
)  # fmt: skip
"""Makers of exchanges about lists, words and whole numbers, and how often each is drawn."""
