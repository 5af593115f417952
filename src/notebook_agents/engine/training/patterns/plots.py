"""Requests to draw columns of tables."""

# A phrasing stands on one line.
# ruff: noqa: E501

from __future__ import annotations

from notebook_agents.engine.training.patterns.pool import make_pool

HISTOGRAM = make_pool(
    "histogram",
    """
    !plot a histogram of {c} {src}
    [draw|make|show|create|show me] a histogram of {c} {src}
    histogram [of|for] {c} {src}
    [plot|draw|show] the distribution of {c} {src} as a histogram
    [hist|{c} histogram] of {c} {src}
    histogram of the {c} column {src}
    [i want|i need|give me] a histogram of {c} {src}
    visualize {c} {src} as a histogram
    """,
)

LINE = make_pool(
    "line",
    """
    !plot {c} over {g} {src}
    [plot|draw|show] [a line plot|a line chart|a line] of {c} [over|by|against] {g} {src}
    [make|create|draw|give me] a [line plot|line chart|line graph] of {c} [over|by|against] {g} {src}
    [line plot|line chart|line graph] of {c} [over|by] {g} {src}
    [plot|draw|graph|chart] {c} [against|versus|vs|over] {g} {src}
    show {c} over {g} as a line {src}
    [line|lines] of {c} over {g} {src}
    """,
)

SCATTER = make_pool(
    "scatter",
    """
    !scatter plot of {c} and {d} {src}
    [draw|make|show|create|show me] a scatter [plot|chart] of {c} [and|against|versus|vs] {d} {src}
    scatter {c} [and|against|versus|vs] {d} {src}
    scatter plot of {c} [against|versus|vs] {d} {src}
    [plot|show] {c} [and|against|vs] {d} {src} as [a scatter plot|points|dots]
    scatterplot of {c} [and|vs] {d} {src}
    [i want|give me] a scatter plot of {c} and {d} {src}
    """,
)

BOX = make_pool(
    "box",
    """
    [draw|make|show|create|show me|plot] a box plot of {c} {src}
    box plot of {c} {src}
    boxplot [of|for] {c} {src}
    [draw|show] {c} {src} as a box plot
    box plot of the {c} column {src}
    [i want|give me] a box plot of {c} {src}
    """,
)

BAR = make_pool(
    "bar",
    """
    !plot the {A} by {g} {src}
    [draw|make|show|create|show me] a bar [chart|plot] of [the|] {A} [by|per|for each] {g} {src}
    bar [chart|plot] of [the|] {A} [by|per|for each] {g} {src}
    [plot|draw|chart|graph] [the|] {A} [by|per|for each] {g} {src}
    [plot|draw|show] [the|] {A} [by|per] {g} {src} as [bars|a bar chart]
    [visualize|visualise] the {A} [by|per] {g} {src}
    [i want|i need|give me] a bar chart of the {A} [by|per] {g} {src}
    bars of the {A} by {g} {src}
    [i want|give me|show] a [chart|plot] of the {A} [by|per] {g} {src}
    """,
)

BAR_COUNT = make_pool(
    "bar_count",
    """
    [draw|make|show|create|show me] a bar [chart|plot] of the [number of rows|counts|count] [by|per] {g} {src}
    bar [chart|plot] of [the|] counts [by|per|of] {g} {src}
    plot the [number of rows|counts|count] [by|per|for each] {g} {src}
    [plot|draw|show] how often each {g} [occurs|appears] {src}
    plot the counts of {g} {src}
    bar [chart|plot] of {g} {src}
    """,
)

PIE = make_pool(
    "pie",
    """
    [draw|make|show|create|show me|plot] a pie chart of [the|] {A} [by|per] {g} {src}
    pie chart of [the|] {A} [by|per] {g} {src}
    pie of [the|] {A} [by|per] {g} {src}
    [plot|show] the {A} by {g} {src} as a pie [chart|]
    [i want|give me] a pie chart of the {A} by {g} {src}
    """,
)
