"""Requests to read files and to list folders, alone and one after the other."""

# A phrasing stands on one line.
# ruff: noqa: E501

from __future__ import annotations

from notebook_agents.engine.training.patterns.pool import make_pool

READ = make_pool(
    "read",
    """
    !read {f}
    !show me the content of {f}
    read the [file|text file] {f}
    [read|open|print|display|cat] {f}
    [open|print|display|output] the file {f}
    [show|print|display|give me|get] the [content|contents|text] of [the file|] {f}
    what is [written|] in {f}
    what does {f} [say|contain]
    what's in {f}
    [show|show me] the file {f}
    read me {f}
    [i want|i need|i'd like] to read {f}
    [let me see|let's see] [the file|the content of|] {f}
    [contents|content|text] of {f}
    what [is|are] the [contents|content] of {f}
    [can i see|view|type] {f}
    read all of {f}
    read the whole file {f}
    [use the file reader|use file_reader] [on|for] {f}
    """,
)

READ_FIRST = make_pool(
    "read_first",
    """
    !show me the first lines of {f}
    !read the first lines of {f}
    [show|print|display|give me|get|list] the first lines [of|from|in] {f}
    [show|print|display|give me] the first few lines of {f}
    read the [beginning|start|top] of {f}
    [show|show me|print] the [beginning|start|top] of {f}
    first lines of {f}
    the first few lines of {f}
    what are the first lines of {f}
    how does {f} [begin|start]
    what is at the [top|beginning|start] of {f}
    [see|look at|view] the first lines of {f}
    [let me see|let me read] the first [few|] lines of {f}
    [only|just] the first lines of {f}
    """,
)

READ_N = make_pool(
    "read_n",
    """
    !read the first {n} lines of {f}
    !read the first {n} lines of the file {f}
    [show|print|display|give me|get|list] the first {n} lines [of|from|in] {f}
    [show me|tell me] the first {n} lines [of|from|in] [the file|] {f}
    first {n} lines of {f}
    [read|show|print] {n} lines of {f}
    [read|show|print] {n} lines from {f}
    what are the first {n} lines [of|in] {f}
    [top|the top] {n} lines of {f}
    [open|view|cat] the first {n} lines of {f}
    [i want to see|let me see|let me read|i need] the first {n} lines of {f}
    the first {n} lines [of|from] [the file|] {f}
    read {f}, first {n} lines
    read {f} but only {n} lines
    [head|head -n] {n} {f}
    [read|show] only the first {n} lines of {f}
    """,
)

READ_FROM = make_pool(
    "read_from",
    """
    read {f} from line {m}
    [show|print|display] {f} from line {m} [on|onwards|]
    read {f} starting at line {m}
    [read|show] the lines [from|after] line {m} of {f}
    [read|show|print] {f} beginning [at|with] line {m}
    [start|begin] reading {f} at line {m}
    """,
)

READ_RANGE = make_pool(
    "read_range",
    """
    read {n} lines of {f} from line {m}
    [read|show|print] {n} lines of {f} starting at line {m}
    [read|show] {n} lines from line {m} of {f}
    starting at line {m}, [read|show] {n} lines of {f}
    from line {m} [read|show] {n} lines of {f}
    """,
)

LIST = make_pool(
    "list",
    """
    !list files
    !list the files
    !what files are there
    list all [files|the files]
    [show|show me|display|print] [the|all|my|] files
    [which|what] files [do i have|are here|exist|are there here|can you see]
    what files are in [this folder|the current folder|this directory|the working directory]
    [list|show] [files|the files] in [this folder|this directory|the current directory|the working directory]
    ls
    dir
    what is in [this folder|this directory|the working directory|the current folder]
    [show|list] the [directory|folder|working directory|current directory]
    [give me|get] [a list of|] [the|all|] files
    [file list|directory listing|list directory]
    [which|what] files can i [use|query|read]
    what do i have [here|in my folder]
    what data [do i have|is here|is available]
    [contents|content] of the [folder|directory|working directory]
    """,
)

LIST_FOLDER = make_pool(
    "list_folder",
    """
    !list the files in {d}
    list files [in|of|under] [the folder|the directory|] {d}
    [show|show me|display|print] [the|all|] files in [the folder|the directory|] {d}
    [which|what] files are [in|under] [the folder|] {d}
    what files does [the folder|] {d} contain
    what is in [the folder|the directory] {d}
    what's in the [folder|directory] {d}
    ls {d}
    dir {d}
    [contents|content] of the [folder|directory] {d}
    list the [content|contents] of [the folder|the directory|] {d}
    [list|show] the [folder|directory] {d}
    list everything in {d}
    [look|look into] the folder {d}
    files in {d}
    """,
)

LIST_KIND = make_pool(
    "list_kind",
    """
    !list [the|all|] {x} files
    [show|show me|display|print] [the|all|] {x} files
    [which|what] {x} files [do i have|are here|exist|are there]
    [list|show] all files [ending with|ending in|with the ending] .{x}
    [find|get] [the|all|] {x} files
    are there [any|] {x} files [here|]
    [list|find|show] *.{x}
    ls *.{x}
    [give me|get] a list of [the|all|] {x} files
    how many {x} files are [there|here]
    {x} files
    do i have [any|] {x} files
    [list|show|find] files with extension {x}
    """,
)

LIST_KIND_FOLDER = make_pool(
    "list_kind_folder",
    """
    list [the|all|] {x} files in [the folder|] {d}
    [show|show me|display|print] [the|all|] {x} files in [the folder|] {d}
    [which|what] {x} files are [in|under] {d}
    [find|get] [the|all|] {x} files in {d}
    are there [any|] {x} files in [the folder|] {d}
    ls {d}/*.{x}
    how many {x} files are in {d}
    {x} files in {d}
    """,
)

LIST_THEN_READ = make_pool(
    "list_then_read",
    """
    list the files in {d} and read the {x} file
    find the {x} file in {d} and [read|show|open] it
    read the {x} file in [the folder|] {d}
    [open|show me|show] the {x} file in [the folder|] {d}
    look in {d} and read the {x} file
    [what does|what is in] the {x} file in {d} [say|]
    list {d}, then read the {x} file
    [read|open] the only {x} file [in|of] {d}
    """,
)

LIST_THEN_COUNT = make_pool(
    "list_then_count",
    """
    how many rows does the {x} file in {d} have
    count the rows of the {x} file in {d}
    find the {x} file in {d} and count its rows
    list {d} and count the rows of the {x} file
    number of rows of the {x} file in {d}
    how many rows has the {x} file in [the folder|] {d}
    look in {d} and count the rows in the {x} file
    """,
)

LIST_THEN_HEAD = make_pool(
    "list_then_head",
    """
    show the first rows of the {x} file in {d}
    preview the {x} file in {d}
    find the {x} file in {d} and [show its first rows|preview it|show some rows]
    list {d} and preview the {x} file
    first rows of the {x} file in {d}
    look in {d} and show the first rows of the {x} file
    """,
)
