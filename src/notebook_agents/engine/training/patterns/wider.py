"""A second helping of phrasings for the most used pools; each part has its own held-out patterns."""

# A phrasing stands on one line.
# ruff: noqa: E501

from __future__ import annotations

WIDER: dict[str, str] = {
    "scalar": """
        could I [get|see|have] the {A} {src}
        [search|scan] {S} for the {A}
        [go ahead and|] [compute|calculate] {A} {src}
        [read|take] {S} and [tell me|return] the {A}
        what do you get for the {A} {src}
        [please|] [provide|output|state] the {A} {src}
        [using|with] {S}, [compute|calculate|find] the {A}
        {S}: [what is|] the {A}
        the {A} {src} is what
        my question is the {A} {src}
        [quickly|just] [give|tell] me the {A} {src}
        [run|make|do] a query for the {A} {src}
        analyze {S} and [report|give] the {A}
        what number is the {A} {src}
        [have a look at|look at|open] {S} and [tell me|find] the {A}
        which value is the {A} {src}
        [are you able to|can you] [find|compute] the {A} {src}
        """,
    "grouped": """
        could I [get|see|have] the {A} [by|per|for each] {g} {src}
        [using|with] {S}, [compute|calculate|find|show] the {A} [by|per|for each] {g}
        {S}: {A} [by|per] {g}
        [take|read|look at] {S} and [compute|show|tell me] the {A} [by|per|for each] {g}
        [please|] [provide|output|return] the {A} [by|per|for every] {g} {src}
        [list|show] [each|every] {g} [with|and] [its|the] {A} {src}
        what {A} does each {g} have {src}
        [what is|tell me] the {A} of [each|every] {g} {src}
        {A} [according to|depending on|versus|vs] {g} {src}
        {A}, [grouped by|split by|broken down by] {g}, {src}
        [analyze|analyse] {S} by {g}, [show|give] the {A}
        [grouping|grouped] by {g}, what is the {A} {src}
        [a|give me a|make a|create a] [table|summary|report|breakdown] of the {A} [by|per|for each] {g} {src}
        [run|make|do] a [group by|query] for the {A} [by|per] {g} {src}
        per {g} {A} {src}
        by {g}: {A} {src}
        [see|know|find out] the {A} [by|per|for each] {g} {src}
        [i want to see|i want to know|i'd like to know] the {A} [by|per|for each] {g} {src}
        {A} on the level of {g} {src}
        for all {g} values [show|compute] the {A} {src}
        [separate|separately] by {g}, the {A} {src}
        [are you able to|can you] [show|compute] the {A} [by|per|for each] {g} {src}
        """,
    "count_rows": """
        could I get the number of [rows|records|entries] {src}
        [total|overall] [rows|records|row count] {src}
        [using|with] {S}, count the rows
        {S}: how many [rows|records]
        [tell|give] me the [length|size] of {S}
        how many [observations|items|lines] does {S} [have|contain|hold]
        what is the [total number|count] of [rows|records|entries] {src}
        how many [rows|records] does {S} contain
        [look at|read|open] {S} and count the rows
        """,
    "count_groups": """
        count {S} by {g}
        [show|list] [each|every] {g} with its [count|number of rows] {src}
        [using|with] {S}, count [rows|the rows] [by|per|for each] {g}
        {S}: [count|rows] [by|per] {g}
        [what is|what's] the [count|number of rows] [by|per|for each|of each] {g} {src}
        how many {src} for each {g}
        [look at|read|take] {S} and count [the rows|rows] [by|per] {g}
        number of [orders|items|cases|records] [by|per|for each] {g} {src}
        [a|give me a|make a] [count|table of counts|breakdown] [by|per] {g} {src}
        how many [orders|customers|cases|people|items] [per|by|for each] {g} {src}
        how many [orders|customers|cases|people|items] are there [per|by|for each] {g} {src}
        [could i see|i want to see] the [counts|number of rows] [by|per] {g} {src}
        """,
    "expression": """
        could I [get|see] the [result|answer] of {e}
        [please|] [give|send] me the answer to {e}
        {e} please
        {e} equals what
        what [would|will] {e} be
        what comes out of {e}
        [i wonder|i am wondering] what {e} is
        [open python and|start python and|in python] [compute|calculate|run] {e}
        [python|py] {e}
        [check|verify] {e}
        [the|] answer [to|of] {e}
        i have to [compute|calculate|solve] {e}
        [are you able to|can you] [compute|calculate|solve] {e}
        [help me|help me to] [compute|calculate|solve] {e}
        [use|take] [your|the] [calculator|python tool|python executor] [to compute|for] {e}
        [if i compute|when i calculate] {e}, what do i get
        [simplify|resolve] {e}
        """,
    "read": """
        could I [see|read|have] [the file|the content of|] {f}
        what [text|information] is in {f}
        [take|have] a look [at|into] {f}
        [dump|output|return] [the content of|] {f}
        [show|give] me everything in {f}
        [is there anything|what do we have] in {f}
        [look at|look into|check] [the file|] {f}
        {f} please
        tell me what {f} says
        tell me what is in {f}
        """,
    "read_first": """
        could I [see|read] the first lines of {f}
        [peek|look] at the [top|start|beginning] of {f}
        [the|] [beginning|start|top] of {f}
        a few lines of {f}
        [show|read|give me] [a few|some] lines [of|from] {f}
        [tell me|show me] how {f} [begins|starts]
        head {f}
        [return|output] the first lines of {f}
        """,
    "read_n": """
        could I [see|read|get] the first {n} lines of {f}
        [return|output|fetch|load] the first {n} lines [of|from] {f}
        {f}: first {n} lines
        lines 1 to {n} of {f}
        [show|read|print] lines 1 to {n} of {f}
        [show|read] the [initial|top] {n} lines of {f}
        [let's see|let us see] the first {n} lines of {f}
        [please|] [tell me|give me] what the first {n} lines of {f} [say|are]
        [read|show] {f} up to line {n}
        [look at|check] the first {n} lines of {f}
        [read|open] {f} and show [me|] the first {n} lines
        """,
    "list": """
        could I [see|get] [the|a list of|] files
        [is there|are there] [anything|any files|files] [here|in this folder|in the folder]
        [look|look around] in [this|the] folder
        [tell|let] me [know|] [which|what] files [there are|exist|are here]
        [name|enumerate|print out] [the|all|all the] files
        [see|check] [the|all|my] files
        [return|output] [the|a] list of files
        [which|what] [documents|things] are [here|in this folder|in the working directory]
        my files
        all files [here|please]
        [use|run] list_files
        """,
    "list_folder": """
        could I [see|get] the files in {d}
        [look around in|look inside|check] [the folder|] {d}
        [tell me|show me] what is in [the folder|] {d}
        [is there|are there] [anything|any files] in {d}
        {d}: [list|show|] files
        [name|enumerate] [the|all] files [in|of] {d}
        [which|what] [documents|things] are in [the folder|] {d}
        """,
    "knowledge": """
        who was the first {w} in {P}
        what is the [largest|smallest|tallest|longest|oldest] {w} in {P}
        what is the [tallest|largest|biggest|fastest] {w} in the world
        when did {w} [end|begin|happen]
        when did the {w} [end|begin|start]
        why is the {w} so {w}
        is {w} [safe|good|bad|healthy|dangerous] [for {w}|with {w}|]
        who will win the {w}
        how many people live in {P}
        [describe|summarize] the [plot|story|life|history] of {P}
        what [is|was] {P} [famous|known] for
        [are|were] {w} [real|true|dangerous]
        how [long|far|old|fast|heavy|big] is [a|the] {w}
        how do {w} work
        how do i {w} [a|the|] {w}
        how does {P} [make|produce|create] {w}
        [what|which] {w} should i [choose|take|read|watch|visit]
        who [painted|composed|directed|designed|built] the {w} {w}
        [could you|] teach me {w}
        give me [legal|medical|financial] advice [about|on] {w}
        what [is|are] {w} made of
        what [color|colour] is {w}
        what [year|century] was {w} in
        do {w} have {w}
        which [country|city|person] {w} the most {w}
        your thoughts on {w}
        what's the story of {w}
        how did {w} [start|begin|end]
        """,
    "actions": """
        [compose|draft] an [email|letter] [to {P}|about {w}|asking for {w}]
        [write|compose] a [haiku|limerick|speech] about {w}
        [turn|switch] off the {w} {w}
        [send|text] {P} [a message|that i am late]
        [play|start] [some|the] {w}
        [set|start] a timer
        [find|get] me a {w} [in|near] {P}
        [check|read] my [email|emails|mail|calendar|messages]
        [upload|download] {w} [from the web|to the cloud|]
        [publish|share] [my|the] {w} [online|on the web]
        [print|scan] this on [paper|the printer]
        [order|buy|get] {w} [online|for me|from the shop]
        give me a recipe for {w}
        [record|make] a [video|movie|photo] of {w}
        [connect|log in] to {w}
        [restart|shut down] the [computer|server|machine]
        [tell|read] me a {w} joke
        what [will|is] the weather [be|] [in {P}|on monday|this week]
        """,
    "filter_count": """
        [using|with] {S}, count [the|] rows [where|with] {W}
        {S}: [how many|count] rows [where|with] {W}
        how many [rows|records|orders|items] are there [where|with] {W} {src}
        how many [orders|items|cases] {src} have {W}
        [look at|take] {S} and count rows [where|with] {W}
        for how many rows {src} is {W}
        """,
    "arg_max": """
        which {g} is the [best|highest|largest] in {c} {src}
        [whose|which {g}'s] {c} is the [highest|largest] {src}
        who has the [highest|largest|most] {c} by {g} {src}
        {S}: {g} with the [highest|largest|most] {c}
        [name|report|return] the {g} with the [highest|largest|biggest|most] {c} {src}
        [look at|take] {S} and find the {g} with the [highest|largest] {c}
        """,
    "head_n": """
        could I [see|get] the first {n} rows {src}
        {S}: first {n} rows
        [look at|check|view|see] the first {n} rows {src}
        [open|read|take] {S} and show [me|] the first {n} rows
        [print|return|output] {n} rows [from|of] {S}
        select {n} rows from {S}
        """,
    "histogram": """
        [a|the] histogram of {c} {src}
        could I [see|get] a histogram of {c} {src}
        [using|with] {S}, [plot|draw|show] a histogram of {c}
        how is {c} distributed {src}
        [plot|draw|chart] {c} {src} as histogram
        show [me|] how {c} is [distributed|spread] {src}
        """,
    "bar": """
        could I [see|get] a bar chart of the {A} [by|per] {g} {src}
        [using|with] {S}, [plot|draw] the {A} [by|per|for each] {g}
        a [bar chart|chart|plot] of [the|] {A} [by|per|for each] {g} {src}
        [show|display] the {A} [by|per] {g} {src} in a [bar chart|chart|plot]
        [plot|draw|show] a chart with the {A} [by|per|for each] {g} {src}
        [graph|plot] of [the|] {A} [by|per] {g} {src}
        """,
}

SUM_BY_GROUP = """
    {c} by {g} {src}
    {c} per {g} {src}
    [show|give|tell|list] me [the|] {c} [by|per|for each] {g} {src}
    how much {c} [did|does] each {g} [have|make|bring|get] {src}
    how much {c} [is there|do we have] [per|by|for each] {g} {src}
    how much {c} [by|per|for each] {g} {src}
    what is the {c} [by|per|of each|for each] {g} {src}
    add up [the|] {c} [by|per|for each] {g} {src}
    [sum|sum up|total] [the|] {c} [by|per|for each] {g} {src}
    group {S} by {g} and [sum|add up|total] [the|] {c}
    {c} of each {g} {src}
    """

SUM_OF_ALL = """
    [sum|sum up|add up|total|total up] [the|all|] {c} {src}
    how much {c} [is there|do we have] in total {src}
    how much {c} in total {src}
    what do the {c} values add up to {src}
    [what does|how much does] {c} sum up to {src}
    [add|sum] all [the|] {c} values {src}
    add together [all|the] {c} {src}
    """
