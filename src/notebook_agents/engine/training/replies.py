"""The fixed sentences of the built-in model: it says nothing else that did not come from a tool."""

from __future__ import annotations

from notebook_agents.engine import earlier_calls, ruled_out

IDENTITY = (
    "I am the tiny built-in model of notebook-agents (fewer than ten million parameters, trained "
    "from scratch on synthetic data made by the project). I can calculate with Python, query "
    "CSV/Parquet files and dataframes, plot columns, and list or read files. I have no general "
    "knowledge, understand simple English phrasings only, and I can misread a request: check the "
    "call and the result shown with my answer. Connect a larger model for anything else."
)
"""True of the models of all plans; the card has the number."""
NO_KNOWLEDGE = ruled_out.NO_KNOWLEDGE
NO_TOOL = (
    "I can't do that with my tools. I can run Python, query CSV or Parquet files, and list or read "
    "files."
)
HELLO = "Hello! I can calculate with Python, query CSV or Parquet files, and list or read files."
CAPABLE = (
    'I can calculate ("what is 12*7"), query tables ("average price by region in sales.csv"), plot '
    'columns ("histogram of price in sales.csv"), list or read files ("list files", "read the '
    'first 3 lines of notes.txt"), and inspect a variable ("inspect df").'
)
WELCOME = "You are welcome."
GOODBYE = "Goodbye."
FINE = "I am running. What should I calculate, query or read?"
OKAY = "All right."
WHICH_TABLE = ruled_out.WHICH_TABLE
WHICH_COLUMN = ruled_out.WHICH_COLUMN
WHICH_FILE = ruled_out.WHICH_FILE
WHAT_TO_COMPUTE = "What should I calculate?"
WHAT_TO_PLOT = "What should I plot? Name a column and a file or dataframe."
NO_SUCH_TOOL = "I need the tool {a} for this, but it is not available here."
LAST_ERROR = "The last tool call failed: "
NOTHING_FAILED = earlier_calls.NOTHING_FAILED
LAST_CALL = "I ran this {tool} call and copied its result:"
NO_CALL_YET = earlier_calls.NO_CALL_YET

SMALL_TALK = {
    HELLO: "hello",
    IDENTITY: "identity",
    CAPABLE: "capable",
    WELCOME: "thanks",
    GOODBYE: "bye",
    FINE: "fine",
    OKAY: "okay",
}
"""Replies and the pools of the phrasings they answer."""

ASK_BACK = {
    WHICH_TABLE: "no_table",
    WHICH_COLUMN: "no_column",
    WHICH_FILE: "no_file",
    WHAT_TO_COMPUTE: "no_expression",
    WHAT_TO_PLOT: "no_plot",
}
"""Questions back and the pools of the requests that need them."""

FIXED = (
    *SMALL_TALK, *ASK_BACK, NO_KNOWLEDGE, NO_TOOL, NO_SUCH_TOOL, NOTHING_FAILED, NO_CALL_YET
)  # fmt: skip
"""Whole sentences that need no tool result; `{a}` stands for a tool that is not there."""

SAID = (*FIXED, LAST_ERROR + "{w}", LAST_CALL.replace("{tool}", "{t}") + "\n```\n{w}\n```")
"""Everything the model may say without a tool result; `{t}` and `{w}` are told of earlier calls."""
