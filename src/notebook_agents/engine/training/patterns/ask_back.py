"""Requests that miss what they are about, so that the model has to ask."""

from __future__ import annotations

from notebook_agents.engine.training.patterns.pool import make_pool

NO_TABLE = make_pool(
    "no_table",
    """
    [describe|analyze|analyse|summarize|summarise|query|explore] [the|my] [data|table|file|csv]
    show me the [rows|columns|data|table]
    how many rows are there
    count the rows
    what columns are there
    [show|preview] the [data|table]
    analyze [it|this]
    show the first rows
    query the [table|database|data]
    [run|do] an analysis
    """,
)

NO_COLUMN = make_pool(
    "no_column",
    """
    [what is the|] [average|mean|sum|total|maximum|minimum|median] {src}
    [calculate|compute|show] the [average|mean|sum|total|maximum|minimum|median] {src}
    [give|tell] me the [average|mean|sum|maximum|minimum|median] {src}
    [plot|draw] a histogram {src}
    group {S}
    aggregate {S}
    sort {S}
    """,
)

NO_FILE = make_pool(
    "no_file",
    """
    read the file
    read a file
    [open|show|print|read] the file
    [open|show|read] a [file|text file]
    read [it|this|that|something]
    read the first lines
    show me the first {n} lines
    show the content of the file
    what is in the file
    read [some|the] text
    """,
)

NO_EXPRESSION = make_pool(
    "no_expression",
    """
    calculate [something|]
    compute [something|]
    use python
    do [some|] math
    [calculate|compute] [it|this|that]
    run python
    [run|execute] [some code|the code|code]
    [solve|evaluate] [it|this]
    i want to calculate something
    can you calculate
    """,
)

NO_PLOT = make_pool(
    "no_plot",
    """
    plot
    [plot|draw|show] [something|a chart|a plot|a graph]
    make a [plot|chart|graph|diagram]
    draw [a diagram|a picture|a graph]
    visualize [something|the data]
    [create|show me] a [plot|chart|graph|diagram]
    i want a [plot|chart|graph]
    """,
)
