"""Short second questions that change one part of the question before."""

from __future__ import annotations

from notebook_agents.engine.training.patterns.pool import make_pool

OTHER_AGGREGATE = make_pool(
    "other_aggregate",
    """
    and the {w}
    what about the {w}
    and [what is|what's] the {w}
    now the {w}
    and {w}
    the {w} [too|as well|please]
    how about the {w}
    and the {w} [too|as well]
    also the {w}
    same [with|for] the {w}
    {w} instead
    now show the {w}
    """,
)

OTHER_COLUMN = make_pool(
    "other_column",
    """
    and {c}
    what about {c}
    and for {c}
    now {c}
    how about {c}
    same for {c}
    the same for {c}
    now for {c}
    and [the same|that] for {c}
    also for {c}
    do it for {c}
    repeat [that|it] for {c}
    """,
)

OTHER_GROUP = make_pool(
    "other_group",
    """
    and by {g}
    by {g}
    now by {g}
    what about by {g}
    and per {g}
    now per {g}
    group [it|that] by {g}
    split [it|that|this] by {g}
    break [it|that] down by {g}
    the same by {g}
    now grouped by {g}
    and for each {g}
    """,
)

OTHER_SOURCE = make_pool(
    "other_source",
    """
    and in {S}
    what about {S}
    now in {S}
    and for {S}
    same for {S}
    the same [in|for|with] {S}
    now [for|with] {S}
    how about {S}
    repeat [that|it] [for|with] {S}
    and {S}
    """,
)

PLOT_IT = make_pool(
    "plot_it",
    """
    plot it
    plot [that|this]
    [show|draw] [it|that] as a [bar chart|chart|plot]
    now plot [it|that]
    can you plot [it|that|this]
    make a [chart|plot|bar chart] of [it|that|this]
    [draw|visualize|chart] [it|that|this]
    and as a [plot|chart|bar chart]
    """,
)

AGAIN_READ = make_pool(
    "again_read",
    """
    and {f}
    now {f}
    what about {f}
    and [the file|] {f}
    now read {f}
    same for {f}
    how about {f}
    """,
)
