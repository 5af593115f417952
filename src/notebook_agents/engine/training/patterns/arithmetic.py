"""Requests to calculate, to run code, and small questions on words, numbers and dates."""

# A phrasing stands on one line.
# ruff: noqa: E501

from __future__ import annotations

from notebook_agents.engine.training.patterns.pool import Pool, make_pool

EXPRESSION = make_pool(
    "expression",
    """
    !use python to compute {e}
    !what is {e}
    use python to [calculate|evaluate|work out|find|get|solve|do] {e}
    [compute|calculate|evaluate|solve] {e}
    [compute|calculate|evaluate|work out] {e} [in|with|using] python
    what's {e}
    {e}
    {e} = ?
    {e}?
    how much is {e}
    what does {e} [equal|give|make|evaluate to|come to]
    [tell|give] me [the result of|the value of|] {e}
    [find|get|show] [the result of|the value of|] {e}
    [result|value] of {e}
    what is the [result|value|answer] of {e}
    [please|] do the math: {e}
    [work out|figure out|determine] {e}
    [run|use|ask] python: {e}
    [with|using|in] python, [compute|calculate|what is] {e}
    [i need|i want] [to know|the result of|to compute] {e}
    [let python|make python|have python] [compute|calculate] {e}
    [math|calculation|compute]: {e}
    [quick question|question]: {e}
    [do you know|can you tell me] what {e} is
    [python|] print {e}
    """,
)

BINARY: dict[str, Pool] = {
    "{a} + {b}": make_pool(
        "plus",
        """
        {a} plus {b}
        the sum of {a} and {b}
        add {a} and {b}
        add {a} to {b}
        {a} added to {b}
        {a} and {b} together
        sum {a} and {b}
        """,
    ),
    "{a} - {b}": make_pool(
        "minus",
        """
        {a} minus {b}
        subtract {b} from {a}
        the difference [between|of] {a} and {b}
        take {b} away from {a}
        {a} less {b}
        {a} reduced by {b}
        """,
    ),
    "{a} * {b}": make_pool(
        "times",
        """
        {a} times {b}
        {a} multiplied by {b}
        the product of {a} and {b}
        multiply {a} [by|with|and] {b}
        {a} x {b}
        {a} by {b} multiplied
        multiply {a} times {b}
        """,
    ),
    "round({a} / {b}, 6)": make_pool(
        "over",
        """
        {a} divided by {b}
        divide {a} by {b}
        the ratio of {a} [to|and] {b}
        {a} over {b}
        the quotient of {a} and {b}
        split {a} by {b}
        """,
    ),
    "{a} ** {b}": make_pool(
        "power",
        """
        {a} to the power of {b}
        {a} to the {b}th power
        {a} raised to {b}
        {a} raised to the power of {b}
        the power {a} of {b}
        {a} to the power {b}
        """,
    ),
    "{a} % {b}": make_pool(
        "modulo",
        """
        {a} mod {b}
        {a} modulo {b}
        the remainder of {a} divided by {b}
        the remainder of {a} by {b}
        the rest of {a} divided by {b}
        """,
    ),
    "{a} // {b}": make_pool(
        "floor",
        """
        the integer division of {a} by {b}
        {a} integer divided by {b}
        how many times does {b} fit into {a}
        the whole part of {a} divided by {b}
        floor of {a} by {b}
        """,
    ),
    "round({b} * {a} / 100, 6)": make_pool(
        "percent",
        """
        {a}% of {b}
        {a} percent of {b}
        {a} % of {b}
        {a} per cent of {b}
        {a} pct of {b}
        """,
    ),
    "round(100 * {a} / {b}, 6)": make_pool(
        "share",
        """
        what percent {a} is of {b}
        {a} as a percentage of {b}
        what percentage of {b} is {a}
        the percentage of {a} in {b}
        {a} in percent of {b}
        """,
    ),
    "math.gcd({a}, {b})": make_pool(
        "gcd",
        """
        the greatest common divisor of {a} and {b}
        gcd of {a} and {b}
        gcd({a}, {b})
        the largest common divisor of {a} and {b}
        the gcd of {a} and {b}
        """,
    ),
    "math.lcm({a}, {b})": make_pool(
        "lcm",
        """
        the least common multiple of {a} and {b}
        lcm of {a} and {b}
        the lcm of {a} and {b}
        lcm({a}, {b})
        the smallest common multiple of {a} and {b}
        """,
    ),
}

UNARY: dict[str, Pool] = {
    "round(math.sqrt({a}), 6)": make_pool(
        "root",
        """
        the square root of {a}
        square root of {a}
        sqrt({a})
        sqrt of {a}
        root of {a}
        the root of {a}
        """,
    ),
    "{a} ** 2": make_pool(
        "square",
        "{a} squared\nthe square of {a}\nsquare of {a}\n{a} to the second power\nsquare {a}",
    ),
    "{a} ** 3": make_pool(
        "cube", "{a} cubed\nthe cube of {a}\ncube of {a}\n{a} to the third power\ncube {a}"
    ),
    "math.factorial({a})": make_pool(
        "factorial",
        "{a} factorial\nthe factorial of {a}\nfactorial of {a}\n{a}!\nfactorial({a})",
    ),
    "round({a} / 2, 6)": make_pool(
        "half", "half of {a}\nthe half of {a}\none half of {a}\na half of {a}\n{a} halved"
    ),
    "{a} * 2": make_pool(
        "double", "twice {a}\ndouble {a}\nthe double of {a}\n{a} doubled\ntwo times {a}"
    ),
    "round(math.log({a}), 6)": make_pool(
        "log",
        "the natural logarithm of {a}\nln({a})\nlog of {a}\nthe logarithm of {a}\nln of {a}",
    ),
    "sum(range(1, {a} + 1))": make_pool(
        "sum_to",
        """
        the sum of the numbers from 1 to {a}
        sum of all numbers up to {a}
        the sum of 1 to {a}
        sum from 1 to {a}
        sum the integers from 1 to {a}
        1 + 2 + ... + {a}
        """,
    ),
    "bin({a})[2:]": make_pool(
        "binary",
        "{a} in binary\nbinary of {a}\n{a} as a binary number\n{a} in base 2\nconvert {a} to binary",
    ),
    "hex({a})[2:]": make_pool(
        "hex",
        "{a} in hex\nhex of {a}\n{a} as a hexadecimal number\n{a} in base 16\nconvert {a} to hex",
    ),
    "round(({a} - 32) * 5 / 9, 2)": make_pool(
        "celsius",
        """
        {a} fahrenheit in celsius
        convert {a} fahrenheit to celsius
        {a} degrees fahrenheit in celsius
        {a} f to c
        {a} fahrenheit to celsius
        """,
    ),
    "round({a} * 9 / 5 + 32, 2)": make_pool(
        "fahrenheit",
        """
        {a} celsius in fahrenheit
        convert {a} celsius to fahrenheit
        {a} degrees celsius in fahrenheit
        {a} c to f
        {a} celsius to fahrenheit
        """,
    ),
}

WORD_PROBLEM: dict[str, Pool] = {
    "{a} * {b}": make_pool(
        "boxes",
        """
        {a} {w} cost {b} each, what is the total
        i have {a} boxes with {b} {w} each, how many {w} do i have
        there are {a} boxes of {b} {w}, how many {w} are there
        {a} {w} at {b} each, how much is that
        if one {w} costs {b}, how much do {a} {w} cost
        what do {a} {w} cost at {b} each
        i buy {a} {w} for {b} each, how much do i pay
        each of {a} people has {b} {w}, how many {w} are there
        """,
    ),
    "{a} - {b}": make_pool(
        "gone",
        """
        i have {a} {w} and lose {b}, how many are left
        there are {a} {w} and {b} are gone, how many remain
        i had {a} {w} and gave away {b}, how many {w} do i have now
        from {a} {w} we sold {b}, how many are left
        {a} {w}, {b} used, how many left
        """,
    ),
    "{a} + {b}": make_pool(
        "more",
        """
        i have {a} {w} and get {b} more, how many do i have
        there are {a} {w} and {b} more arrive, how many are there
        {a} {w} and {b} {w} are how many {w}
        i had {a} {w} and bought {b} more, how many {w} do i have now
        we have {a} {w}, {b} come, how many in total
        """,
    ),
    "round({a} / {b}, 6)": make_pool(
        "shared",
        """
        {a} {w} are shared by {b} people, how many does each get
        i split {a} {w} between {b} people, how many does each get
        {a} {w} for {b} people, how many for each
        divide {a} {w} among {b} people
        {b} {w} cost {a}, what does one cost
        """,
    ),
}

RUN = make_pool(
    "run",
    """
    !run {code}
    run this [code|python code|python|]: {code}
    execute {code}
    execute this [code|python code|]: {code}
    [run|execute] [the|] [following|] [code|python|python code]: {code}
    [run|execute] [this|the following] in python: {code}
    [python|code]: {code}
    can you [run|execute] this code: {code}
    what does this [code|] print: {code}
    [try|evaluate] this code: {code}
    {code}
    """,
)
