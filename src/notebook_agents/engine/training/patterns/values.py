"""Small questions on lists of numbers, words, primes and dates, answered by Python."""

# A phrasing stands on one line.
# ruff: noqa: E501

from __future__ import annotations

from notebook_agents.engine.training.patterns.pool import Pool, make_pool

LISTS: dict[str, Pool] = {
    "sum([{l}])": make_pool(
        "list_sum",
        "the sum of {l}\nsum of {l}\nadd up {l}\nthe total of {l}\nadd {l}\nsum {l}",
    ),
    "round(sum([{l}]) / len([{l}]), 6)": make_pool(
        "list_mean",
        "the average of {l}\nthe mean of {l}\naverage of {l}\nmean of {l}\naverage {l}\nmean {l}",
    ),
    "max([{l}])": make_pool(
        "list_max",
        "the largest of {l}\nthe maximum of {l}\nmax of {l}\nthe biggest of {l}\nthe highest of {l}",
    ),
    "min([{l}])": make_pool(
        "list_min",
        "the smallest of {l}\nthe minimum of {l}\nmin of {l}\nthe least of {l}\nthe lowest of {l}",
    ),
    "sorted([{l}])": make_pool(
        "list_sort",
        "sort {l}\nsort the numbers {l}\n{l} sorted\nput {l} in order\norder {l}\nsort the list {l}",
    ),
    "statistics.median([{l}])": make_pool(
        "list_median",
        "the median of {l}\nmedian of {l}\nmedian {l}\nmedian value of {l}\nthe median value of {l}",
    ),
}

WORDS: dict[str, Pool] = {
    "'{w}'[::-1]": make_pool(
        "reverse",
        """
        reverse {w}
        reverse the [word|string] {w}
        {w} [backwards|reversed]
        spell {w} backwards
        write {w} backwards
        """,
    ),
    "len('{w}')": make_pool(
        "length",
        """
        how many [letters|characters] does {w} have
        how many [letters|characters] are in {w}
        the length of [the word|the string|] {w}
        how long is the [word|string] {w}
        number of [letters|characters] in {w}
        count the [letters|characters] in {w}
        """,
    ),
    "'{w}'.upper()": make_pool(
        "upper",
        """
        {w} in [upper case|uppercase|capital letters|capitals]
        uppercase {w}
        convert {w} to [upper case|uppercase]
        write {w} in [uppercase|capital letters]
        make {w} uppercase
        """,
    ),
    "'{w}'.lower()": make_pool(
        "lower",
        """
        {w} in [lower case|lowercase|small letters]
        lowercase {w}
        convert {w} to [lower case|lowercase]
        write {w} in [lowercase|small letters]
        make {w} lowercase
        """,
    ),
    "'{w}'.count('{x}')": make_pool(
        "count_letter",
        """
        how many times does {x} [appear|occur] in {w}
        how often does {x} [appear|occur] in {w}
        how many {x} are in {w}
        count the {x} in {w}
        count {x} in {w}
        number of {x} in {w}
        """,
    ),
}

IS_PRIME = make_pool(
    "is_prime",
    """
    is {a} [a|] prime [number|]
    [check|test] if {a} is [a|] prime [number|]
    [check|test|tell me] whether {a} is [a|] prime [number|]
    is {a} prime or not
    prime test [for|of] {a}
    {a} prime
    """,
)

PRIMES = make_pool(
    "primes",
    """
    [list|show|give me] [all|the|all the] primes [up to|below|under] {a}
    which primes are [below|under] {a}
    prime numbers [up to|below|under] {a}
    [find|get|compute] [all|the] prime numbers [up to|below] {a}
    all primes [smaller than|less than] {a}
    """,
)

FIBONACCI = make_pool(
    "fibonacci",
    """
    [the|] first {a} fibonacci numbers
    [list|show|compute|give me] the first {a} fibonacci numbers
    {a} fibonacci numbers
    fibonacci [sequence|numbers] with {a} [terms|numbers]
    [print|generate] {a} fibonacci numbers
    """,
)

DAYS = make_pool(
    "days",
    """
    how many days [are|] between {p} and {q}
    days [between|from] {p} [and|to] {q}
    number of days [between|from] {p} [and|to] {q}
    how many days from {p} to {q}
    [count|compute] the days [between|from] {p} [and|to] {q}
    difference in days between {p} and {q}
    """,
)

TODAY = make_pool(
    "today",
    """
    what [is|'s] the date [today|]
    what is today's date
    which day is [it|today]
    today's date
    what day is [it|today]
    what is the current date
    [tell|give] me the [current date|date]
    the date today
    """,
)

WEEKDAY = make_pool(
    "weekday",
    """
    what weekday [is|was] {p}
    which day of the week [is|was] {p}
    what day of the week is {p}
    weekday of {p}
    day of the week [of|for] {p}
    on which weekday [is|was] {p}
    """,
)

VERSION = make_pool(
    "version",
    """
    [which|what] [version of python|python version] [is this|is running|do you use|are you using]
    what is the python version
    [show|print|tell me] the python version
    python version
    which python is [this|running]
    """,
)
