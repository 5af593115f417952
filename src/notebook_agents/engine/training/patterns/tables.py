"""Questions about tables: aggregates, groups, filters, rows, columns.

`{A}` is a phrase of an aggregate, `{src}` a source phrase such as `in sales.csv`, `{S}` the bare
name of the source, `{c}` a column of numbers, `{g}` a column of words, `{v}` a value, `{n}` a count.
"""

# A phrasing stands on one line.
# ruff: noqa: E501

from __future__ import annotations

from notebook_agents.engine.training.patterns.pool import Pool, make_pool
from notebook_agents.engine.training.patterns.wider import SUM_BY_GROUP, SUM_OF_ALL

AGGREGATES: dict[str, Pool] = {
    "mean": make_pool(
        "mean",
        """
        !average {c}
        !mean {c}
        mean of [the|] {c}
        average of [the|] {c}
        avg [of|] {c}
        [mean|average] value of {c}
        average of [the|all] {c} values
        [average|mean] {c} value
        [typical|usual] {c}
        {c} [average|mean]
        mean of the {c} column
        average of [column|the column] {c}
        """,
    ),
    "sum": make_pool(
        "sum",
        """
        !total {c}
        !sum of {c}
        total of [the|] {c}
        {c} [total|sum]
        [overall|combined] {c}
        sum of [the|all|all the] {c} values
        total amount of {c}
        sum of [the {c} column|column {c}]
        [total|summed] {c} value
        grand total of {c}
        aggregate {c}
        total of all {c} values
        """,
    ),
    "min": make_pool(
        "min",
        """
        !minimum {c}
        smallest {c}
        lowest {c}
        [least|min] {c}
        minimum of [the|] {c}
        [lowest|smallest] value of {c}
        min of {c}
        minimum {c} value
        smallest {c} value
        {c} minimum
        minimum of the {c} column
        lower bound of {c}
        """,
    ),
    "max": make_pool(
        "max",
        """
        !maximum {c}
        largest {c}
        highest {c}
        [biggest|max|greatest] {c}
        maximum of [the|] {c}
        [highest|largest] value of {c}
        max of {c}
        maximum {c} value
        biggest {c} value
        {c} maximum
        maximum of the {c} column
        [peak|top] {c}
        """,
    ),
    "median": make_pool(
        "median",
        """
        !median {c}
        median of [the|] {c}
        median value of {c}
        median {c} value
        {c} median
        median of the {c} column
        [middle value|midpoint] of {c}
        median of [all|the] {c} values
        """,
    ),
    "std": make_pool(
        "std",
        """
        !standard deviation of {c}
        std [of|] {c}
        {c} standard deviation
        [spread|deviation] of {c}
        standard deviation of [the|all] {c} values
        stddev of {c}
        standard deviation of the {c} column
        std dev of {c}
        """,
    ),
}

SCALAR = make_pool(
    "scalar",
    """
    !what is the {A} {src}
    what's the {A} {src}
    whats the {A} {src}
    what was the {A} {src}
    what is {A} {src}
    [tell|give|show] me the {A} {src}
    [calculate|compute] the {A} {src}
    [find|get|fetch|return] the {A} {src}
    [determine|work out|figure out] the {A} {src}
    {A} {src}
    the {A} {src}
    [i need|i want|i'd like] the {A} {src}
    [show|report|print|display] the {A} {src}
    [do you know|can you tell me] the {A} {src}
    [look up|check] the {A} {src}
    {src}, what is the {A}
    {src} [find|compute|show|give me] the {A}
    {src}: {A}
    how [big|large|high] is the {A} {src}
    use [sql|duckdb|a query] to [get|find|compute] the {A} {src}
    query the {A} {src}
    [take|use] {S} and [compute|find|give me] the {A}
    [let's see|let me see|let me know] the {A} {src}
    [please|] [evaluate|extract] the {A} {src}
    what would be the {A} {src}
    [i wonder|i am wondering] what the {A} is {src}
    [tell me|say] what the {A} is {src}
    """,
)

GROUPED = make_pool(
    "grouped",
    """
    !what is the {A} by {g} {src}
    !{A} per {g} {src}
    !{A} by {g} {src}
    what is the {A} [per|for each|for every|in each|of each] {g} {src}
    [what's|whats] the {A} [by|per|for each] {g} {src}
    [what are|what was|what were] the {A} [by|per|for each] {g} {src}
    {A} [for each|for every|grouped by|group by] {g} {src}
    {A} [in each|across each|within each] {g} {src}
    [tell|give|show] me the {A} [by|per|for each|for every] {g} {src}
    [show|display|list|print|report] [the|] {A} [by|per|for each|grouped by] {g} {src}
    [calculate|compute|find|get|determine] the {A} [by|per|for each|for every] {g} {src}
    [i need|i want|i'd like|i would like] the {A} [by|per|for each] {g} {src}
    group {S} by {g} and [show|compute|calculate|give me|find|get] the {A}
    group [the rows|rows|the data] {src} by {g} and [show|compute|find] the {A}
    group by {g} and [show|compute|give|get] the {A} {src}
    for each {g} {src}, [what is|show|compute|give me|find] the {A}
    for [every|each] {g} [show|give] [me|] the {A} {src}
    per {g}, what is the {A} {src}
    [break down|split|divide] the {A} by {g} {src}
    breakdown of [the|] {A} by {g} {src}
    how does the {A} [differ|vary|change] [by|across|between] {g} {src}
    compare the {A} [by|across|between|per] {g} {src}
    {src}, [what is|show|compute|find] the {A} [by|per|for each] {g}
    {src} {A} [by|per] {g}
    {A} {src} [by|per|grouped by|for each] {g}
    what is the {A} {src} [by|per|for each|grouped by] {g}
    [show|give|tell] me the {A} {src} [by|per|for each|grouped by] {g}
    [compute|calculate|find] the {A} {src} [by|per|for each|grouped by] {g}
    {g} wise {A} {src}
    [summarize|summarise|aggregate] {S} by {g} [using|with|showing] the {A}
    [table|list|overview] of [the|] {A} [by|per|for each] {g} {src}
    use [sql|duckdb|a query] to [get|find|compute] the {A} [by|per] {g} {src}
    [query|analyze|analyse] [the|] {A} [by|per] {g} {src}
    each {g} and its {A} {src}
    [can you|could you] group {S} by {g} and show the {A}
    """,
)

SUM_GROUPED = make_pool("sum_by_group", SUM_BY_GROUP)
SUM_SCALAR = make_pool("sum_of_all", SUM_OF_ALL)

COUNT_ROWS = make_pool(
    "count_rows",
    """
    !how many rows are {src}
    how many [rows|records|entries|lines of data] are there {src}
    how many [rows|records|entries] does {S} have
    how many [rows|records|entries] {src}
    count [the|all|] [rows|records|entries] {src}
    [number of|total number of] [rows|records|entries] {src}
    what is the [number of rows|row count|number of records] {src}
    row count {src}
    [give|tell|show] me the [row count|number of rows|number of records] {src}
    how [long|big|large] is {S}
    [find|get|compute] the number of [rows|records|entries] {src}
    count {S}
    [tell me|show me] how many [rows|records] {S} has
    what is the size of {S}
    {S} has how many [rows|records|entries]
    how many data [points|rows] {src}
    """,
)

COUNT_GROUPS = make_pool(
    "count_groups",
    """
    !count rows by {g} {src}
    !how many rows per {g} {src}
    count [the rows|records|entries|the records] [by|per|for each] {g} {src}
    count rows [per|for each|for every|grouped by] {g} {src}
    how many [rows|records|entries|items] [for each|are there per|are there for each|by] {g} {src}
    [number of|count of] [rows|records|entries] [by|per|for each] {g} {src}
    [show|give|tell] me the [number of rows|count|counts] [by|per|for each] {g} {src}
    [show|list|get|compute] the [counts|count|number of rows] [by|per|for each] {g} {src}
    count by {g} {src}
    [count|counts] [per|of each] {g} {src}
    value counts [of|for] {g} {src}
    how often does each {g} [occur|appear] {src}
    [frequency|frequencies|distribution] of {g} {src}
    group {S} by {g} and count [the rows|rows|]
    group by {g} and count {src}
    [what is|show me] the distribution of {g} {src}
    how many of each {g} [are there|do we have] {src}
    how many times does each {g} [appear|occur|show up] {src}
    {src} count [rows|the rows] [by|per] {g}
    for each {g} {src}, [count the rows|how many rows are there|show the number of rows]
    how are the rows [distributed|spread] [by|over|across] {g} {src}
    [tally|counts of] {g} {src}
    row [count|counts] [by|per|for each] {g} {src}
    how many rows {src} [by|per|for each] {g}
    """,
)

DISTINCT_COUNT = make_pool(
    "distinct_count",
    """
    how many [different|distinct|unique] {g} [values|] are {src}
    how many [different|distinct|unique] [values of|] {g} [are there|] {src}
    [number|count] of [different|distinct|unique] {g} [values|] {src}
    count [the|] [different|distinct|unique] {g} [values|] {src}
    how many [different|distinct|unique] values does {g} have {src}
    [what is the|give me the] number of [distinct|unique|different] {g} values {src}
    how many {g} values are [different|unique|distinct] {src}
    cardinality of {g} {src}
    """,
)

DISTINCT = make_pool(
    "distinct",
    """
    [list|show|show me] [all|the|all the] [different|distinct|unique] {g} values {src}
    what are the [different|distinct|unique] [values of|] {g} {src}
    [which|what] {g} values [are|exist|occur|appear] {src}
    [different|distinct|unique] [values of|] {g} {src}
    [list|show|give me] the [distinct|unique|possible] values of {g} {src}
    what values does {g} [have|take|contain] {src}
    all [possible|] values of {g} {src}
    [give|tell] me all [the|] {g} values {src}
    what [different|kinds of|] {g} [are there|do we have] {src}
    """,
)

FILTER_COUNT = make_pool(
    "filter_count",
    """
    how many rows {src} have {W}
    how many [rows|records|entries] have {W} {src}
    [count|count the|number of] [rows|records|entries] [where|with|having] {W} {src}
    how many [rows|records|entries] {src} [where|with] {W}
    count [rows|the rows|records] {src} [where|with] {W}
    {src}, how many [rows|records] have {W}
    [tell me|show me|find] how many rows have {W} {src}
    [what is the|give me the] number of rows [with|where] {W} {src}
    in how many rows is {W} {src}
    how often is {W} {src}
    """,
)

FILTER_ROWS = make_pool(
    "filter_rows",
    """
    [show|show me|list|give me|display] [the|all|all the|] rows [where|with] {W} {src}
    [show|show me|list|give me|find|get] [the|all|] rows {src} [where|with] {W}
    [filter|select] [the|] rows [where|with] {W} {src}
    which rows [have|{src} have] {W}
    [find|get|return|select] [all|] [rows|records|entries] [with|where|having] {W} {src}
    filter {S} [by|for|where|to] {W}
    [what are|which are] the [rows|records] [with|where] {W} {src}
    only [show|keep] rows [where|with] {W} {src}
    records {src} [where|with] {W}
    rows [where|with] {W} {src}
    """,
)

FILTER_AGG = make_pool(
    "filter_agg",
    """
    what is the {A} {src} [where|for rows where|when|with] {W}
    what is the {A} [where|for rows where|for rows with|when] {W} {src}
    {A} {src} [where|when|with] {W}
    {A} [where|for rows where|when|for rows with] {W} {src}
    [show|give|tell] me the {A} {src} [where|when|for rows with] {W}
    [compute|calculate|find|get] the {A} {src} [where|when|for rows where] {W}
    [compute|calculate|find|get] the {A} [where|when|for rows where] {W} {src}
    {src}, what is the {A} [where|when|if] {W}
    for rows [with|where] {W} {src}, [what is|show|compute] the {A}
    [only for|considering only] rows with {W}, {A} {src}
    """,
)

CONDITIONS: dict[str, Pool] = {
    "=": make_pool(
        "equal",
        """
        {k} is {v}
        {k} equals {v}
        {k} = {v}
        {k} equal to {v}
        the {k} is {v}
        {k} == {v}
        {k} being {v}
        """,
    ),
    ">": make_pool(
        "greater",
        """
        {k} > {v}
        {k} [above|over] {v}
        {k} greater than {v}
        {k} [larger|bigger|higher] than {v}
        {k} more than {v}
        {k} is [above|over] {v}
        {k} is [greater|larger|higher] than {v}
        {k} exceeding {v}
        """,
    ),
    "<": make_pool(
        "less",
        """
        {k} < {v}
        {k} [below|under] {v}
        {k} less than {v}
        {k} [smaller|lower] than {v}
        {k} is [below|under] {v}
        {k} is [less|smaller|lower] than {v}
        {k} fewer than {v}
        """,
    ),
}

SOURCE = make_pool(
    "source",
    """
    !in {S}
    !from {S}
    of {S}
    in the {kind} {S}
    in {kind} {S}
    from the {kind} {S}
    using {S}
    in the {S} {kind}
    of the {kind} {S}
    within {S}
    for {S}
    inside {S}
    in my {kind} {S}
    """,
)
