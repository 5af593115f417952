"""Questions about rows, columns and orders of tables, and loading tables into dataframes."""

from __future__ import annotations

from notebook_agents.engine.training.patterns.pool import make_pool

HEAD_N = make_pool(
    "head_n",
    """
    !show the first {n} rows of {S}
    [show|give|print|display] [me|] the [first|top] {n} rows {src}
    [first|top] {n} rows {src}
    what are the first {n} rows {src}
    [list|get|return|fetch|select] the first {n} [rows|records|entries] {src}
    [show|give] me {n} rows {src}
    the first {n} [rows|records] {src}
    i want [to see|] the first {n} rows {src}
    head {n} of {S}
    let me see the first {n} rows {src}
    [preview|display] {n} rows {src}
    """,
)

HEAD = make_pool(
    "head",
    """
    !show the first rows of {S}
    preview {S}
    [show|give] me [a few|some|the first] rows {src}
    [peek|look|take a look|have a look] at {S}
    [a|give me a|show me a] preview of {S}
    head of {S}
    [print|display|get|list] the [first|first few] rows {src}
    what does {S} look like
    what [data|rows] [is|are] in {S}
    show [me|] the [data|table] {src}
    show some [data|example rows|sample rows] {src}
    the first [few|] rows {src}
    [show|show me|display] the [table|data] in {S}
    sample rows {src}
    """,
)

SCHEMA = make_pool(
    "schema",
    """
    !what columns are in {S}
    [which|what] columns [are there|are] {src}
    [what|which] columns does {S} have
    [list|show|show me|give me|print] the columns {src}
    [columns|column names|fields] {src}
    [schema|structure] of {S}
    what [is|are] the [schema|column names|columns|fields|column types|data types] {src}
    [show|show me|describe|give me] the [schema|structure|column types|data types] {src}
    [which|what] [fields|variables|features] [are there|are] {src}
    names of the columns {src}
    how is {S} structured
    [data types|column types|types] of [the columns|] {src}
    tell me the [columns|fields|column names] {src}
    """,
)

SUMMARY = make_pool(
    "summary",
    """
    describe {c} {src}
    [summary|statistics|summary statistics|basic statistics|stats] [of|for] {c} {src}
    [summarize|summarise] {c} {src}
    [give|show] me [a summary|statistics|the statistics|stats] of {c} {src}
    describe the {c} column {src}
    [summarize|summarise|describe] the column {c} {src}
    [show|compute|get] [descriptive|summary|basic] statistics [of|for] {c} {src}
    what are the [statistics|stats] of {c} {src}
    """,
)

RANGE = make_pool(
    "range",
    """
    [minimum and maximum|min and max] [of|] {c} {src}
    [what is the|show the|give me the] range of {c} {src}
    what are the [minimum and maximum|min and max|smallest and largest|lowest and highest] {c} {src}
    range of {c} {src}
    [smallest and largest|lowest and highest] {c} {src}
    [show|give] me the [minimum and maximum|min and max|lowest and highest] {c} {src}
    from what to what does {c} go {src}
    between which values is {c} {src}
    """,
)

TOP = make_pool(
    "top",
    """
    !top {n} rows by {c} {src}
    [show|show me|list|give me|get] the {n} rows with the [highest|largest|biggest] {c} {src}
    [show|show me|list|give me] the top {n} [rows|records|entries|] by {c} {src}
    [top|best] {n} by {c} {src}
    the {n} [largest|highest|biggest] {c} [rows|] {src}
    {n} [largest|highest|biggest] {c} values {src}
    which {n} rows have the [highest|largest|biggest] {c} {src}
    rows with the {n} [highest|largest] {c} [values|] {src}
    what are the top {n} [rows|records] by {c} {src}
    top {n} {c} {src}
    """,
)

BOTTOM = make_pool(
    "bottom",
    """
    bottom {n} rows by {c} {src}
    [show|show me|list|give me|get] the {n} rows with the [lowest|smallest] {c} {src}
    [show|show me|list|give me] the bottom {n} [rows|records|] by {c} {src}
    bottom {n} by {c} {src}
    the {n} [smallest|lowest] {c} [rows|] {src}
    {n} [smallest|lowest] {c} values {src}
    which {n} rows have the [lowest|smallest] {c} {src}
    rows with the {n} [lowest|smallest] {c} {src}
    """,
)

SORT_DOWN = make_pool(
    "sort_down",
    """
    sort {S} by {c} descending
    sort [the rows|rows] {src} by {c} [descending|in descending order|from high to low]
    [order|sort] {S} by {c} [desc|from largest to smallest|from high to low|in descending order]
    [show|list] [the|all|] rows {src} [sorted|ordered] by {c} descending
    {S} [sorted|ordered] by {c} [descending|from high to low]
    [show|show me] {S} [sorted|ordered] by {c} descending
    rank [the rows|rows] {src} by {c}
    """,
)

SORT_UP = make_pool(
    "sort_up",
    """
    sort {S} by {c}
    sort [the rows|rows] {src} by {c}
    [order|sort] {S} by {c} [asc|ascending|from low to high|from smallest to largest]
    [show|list] [the|all|] rows {src} [sorted|ordered] by {c}
    {S} [sorted|ordered] by {c} [ascending|]
    [show|show me] {S} [sorted|ordered] by {c}
    sort by {c} {src}
    """,
)

TOP_GROUP = make_pool(
    "top_group",
    """
    which {g} has the [highest|largest|biggest|greatest] {A} {src}
    what {g} has the [highest|largest|biggest] {A} {src}
    [find|show|tell me|give me] the {g} with the [highest|largest|biggest|most] {A} {src}
    {g} with the [highest|largest|biggest] {A} {src}
    [best|top|leading] {g} by {A} {src}
    {src}, which {g} has the [highest|largest|biggest] {A}
    what is the [best|top] {g} by {A} {src}
    who or what {g} [leads|is first] [in|by] {A} {src}
    """,
)

LOW_GROUP = make_pool(
    "low_group",
    """
    which {g} has the [lowest|smallest|least] {A} {src}
    what {g} has the [lowest|smallest] {A} {src}
    [find|show|tell me|give me] the {g} with the [lowest|smallest|least] {A} {src}
    {g} with the [lowest|smallest] {A} {src}
    [worst|bottom|last] {g} by {A} {src}
    {src}, which {g} has the [lowest|smallest] {A}
    what is the [worst|weakest] {g} by {A} {src}
    """,
)

TOP_GROUPS = make_pool(
    "top_groups",
    """
    top {n} {g} by {A} {src}
    [show|show me|list|give me] the top {n} {g} by {A} {src}
    which {n} {g} have the [highest|largest|biggest] {A} {src}
    the {n} {g} with the [highest|largest|biggest] {A} {src}
    {n} best {g} by {A} {src}
    what are the top {n} {g} [by|in] {A} {src}
    [rank|list] the {n} [best|top|leading] {g} by {A} {src}
    """,
)

ARG_MAX = make_pool(
    "arg_max",
    """
    which {g} has the [highest|largest|biggest|greatest|most|maximum] {c} {src}
    what {g} has the [highest|largest|biggest|most] {c} {src}
    [find|show|tell me|give me] the {g} with the [highest|largest|biggest|most|maximum] {c} {src}
    {g} with the [highest|largest|biggest|most|max] {c} {src}
    {src}, which {g} has the [highest|largest|biggest|most] {c}
    what is the {g} with the [highest|largest|biggest|most] {c} {src}
    for which {g} is {c} [highest|largest|maximal] {src}
    where is {c} the [highest|largest] by {g} {src}
    """,
)

ARG_MIN = make_pool(
    "arg_min",
    """
    which {g} has the [lowest|smallest|least|minimum] {c} {src}
    what {g} has the [lowest|smallest|least] {c} {src}
    [find|show|tell me|give me] the {g} with the [lowest|smallest|least|minimum] {c} {src}
    {g} with the [lowest|smallest|least|min] {c} {src}
    {src}, which {g} has the [lowest|smallest|least] {c}
    what is the {g} with the [lowest|smallest] {c} {src}
    for which {g} is {c} [lowest|smallest|minimal] {src}
    """,
)

NULLS = make_pool(
    "nulls",
    """
    how many [missing|null|empty] values are in {c} {src}
    how many [missing|null|empty] [values in|] {c} [values|] {src}
    [count|count the|number of] [missing|null|empty] [values in|values of|] {c} {src}
    how many {c} values are [missing|null|empty] {src}
    are there [any|] [missing|null|empty] values in {c} {src}
    [missing|null] values [in|of] {c} {src}
    how many rows have no {c} {src}
    does {c} have [missing|null|empty] values {src}
    check {c} for [missing|null] values {src}
    """,
)

CORRELATION = make_pool(
    "correlation",
    """
    [what is the|] correlation [between|of] {c} and {d} {src}
    [compute|calculate|find|show|give me] the correlation [between|of] {c} and {d} {src}
    correlate {c} [and|with] {d} {src}
    how [strongly|much|well] [do|are] {c} and {d} [correlate|correlated|related] {src}
    [is|are] {c} and {d} [correlated|related] {src}
    how does {c} [relate to|correlate with] {d} {src}
    correlation {c} {d} {src}
    [relation|relationship] between {c} and {d} {src}
    """,
)

SELECT_COLUMNS = make_pool(
    "select_columns",
    """
    show [me|] [the|] {g} and {c} columns {src}
    [show|list|select|give me|get] [the columns|columns|] {g} and {c} {src}
    [show|list|print] only {g} and {c} {src}
    columns {g} and {c} {src}
    [show|list|display] {g} with [its|the|] {c} {src}
    [list|show] [the|] {c} [of|for] every {g} row {src}
    select {g}, {c} {src}
    """,
)

LOAD = make_pool(
    "load",
    """
    !load {S} into {d}
    load {S} into a dataframe [called|named] {d}
    [read|import|open] {S} [into|as] [a dataframe|the dataframe|dataframe] {d}
    [read|import] {S} [into|as] {d}
    [load|read|import] [the file|file] {S} into {d}
    {d} = {S}
    [make|create|build] a dataframe {d} from {S}
    create {d} from {S}
    load {S} with pandas [as|into] {d}
    """,
)

LOAD_PLAIN = make_pool(
    "load_plain",
    """
    load {S}
    load {S} [into a dataframe|as a dataframe|with pandas|into pandas]
    [read|import|open] {S} [into a dataframe|as a dataframe|with pandas|into pandas]
    [make|create] a dataframe from {S}
    import {S}
    load the [file|data] {S}
    i want {S} [as a dataframe|in a dataframe]
    """,
)
