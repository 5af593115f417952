"""A request is about the tables it names, or else the one that has all columns it says."""

from __future__ import annotations

import pytest

from notebook_agents.engine.focus import focused
from notebook_agents.engine.prompt import ChatMessage

CONTEXT = """Tools: database_query
Dataframes: df(price, region); logs(host, latency_ms, region)
Files: data/stock.csv(sku, unitPrice, price); notes.txt"""


def context_after(request: str, context: str = CONTEXT) -> str:
    chat: list[ChatMessage] = [
        {"role": "system", "content": context},
        {"role": "user", "content": request},
    ]
    found = focused(chat)
    assert found[1:] == chat[1:]
    return str(found[0]["content"])


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ("mean price by region", "Dataframes: df(price, region)"),
        ("worst Latency MS per host", "Dataframes: logs(host, latency_ms, region)"),
        ("how many SKUs are there", "Files: data/stock.csv(sku, unitPrice, price)"),
        ("sum of the unit prices", "Files: data/stock.csv(sku, unitPrice, price)"),
    ],
)
def test_only_the_table_with_all_columns_is_told(request_: str, line: str) -> None:
    assert context_after(request_) == f"Tools: database_query\n{line}"


@pytest.mark.parametrize(
    ("request_", "lines"),
    [
        ("mean price by region in stock", "Files: data/stock.csv(sku, unitPrice, price)"),
        ("DF: price by region", "Dataframes: df(price, region)"),
        ("how many rows does the file Data\\Stock.csv have",
         "Files: data/stock.csv(sku, unitPrice, price)"),
        ("read notes.txt", "Files: notes.txt"),
        ("df against logs", "Dataframes: df(price, region); logs(host, latency_ms, region)"),
        ("prices of df and stock",
         "Dataframes: df(price, region)\nFiles: data/stock.csv(sku, unitPrice, price)"),
    ],
)  # fmt: skip
def test_only_the_tables_that_are_named_are_told(request_: str, lines: str) -> None:
    assert context_after(request_) == f"Tools: database_query\n{lines}"


@pytest.mark.parametrize(
    "request_",
    [
        "what can you do",
        "join df with the one that has hosts",
        "which files are like notes.txt",
        "mean price",  # two tables have it
        "price against host",  # no table has both
        "mean price by region of the csv",
        "regions and prices of which file",
    ],
)
def test_everything_is_told_where_the_columns_do_not_decide(request_: str) -> None:
    assert context_after(request_) == CONTEXT


@pytest.mark.parametrize(
    ("request_", "lines"),
    [
        ("all customers with their total", "Files: customer.csv(ident, city); orders.csv(total)"),
        ("unit prices of the stock items", "Files: stock_items.csv(sku); b.csv(unit_price)"),
        ("draw a chart", "Dataframes: df1(a, b); df2(price, qty)"),
        ("show me the first one", "Dataframes: df1(first, b); df2(price, qty)"),
        ("mean price", "Dataframes: wide(c1, c2, ...); fx(price)"),
        ("mean price", "Dataframes: unknown; fx(price)"),
        ("mean price", "Dataframes: price(total); fx(price)"),
        ("mean price", "Dataframes: df(qty)\nFiles: big.parquet; fx.csv(price)"),
        ("report the mean fee", "Dataframes: a1(fee); b1(fee)\nFiles: report.md"),
        (
            "highest fee per host in the old ones",
            "Dataframes: old(x); a1(fee, host); b1(fee, host)",
        ),
        ("test whether fee and qty move", "Dataframes: a1(fee, qty)\nFiles: test.csv(fee, qty)"),
        ("try joining df with customers", "Dataframes: df(a1); x(b1)\nFiles: customer.csv(c1)"),
        ("sales.csv in data", "Files: sales.csv(price); data/sales.csv(price)"),
        ("total revenue in sales 2024", "Files: sales.csv(revenue); sales_2024.csv(revenue)"),
        ("how many stock items", "Files: stock.csv(x1); stock_items.csv(y1)"),
        ("which customers have no orders", "Files: orders.csv(x1); customer.csv(y1)"),
    ],
)
def test_everything_is_told_where_something_else_could_be_meant(request_: str, lines: str) -> None:
    assert context_after(request_, lines) == lines


@pytest.mark.parametrize(
    "before",
    [
        [{"role": "user", "content": "mean price in stock.csv"}],
        [
            {"role": "user", "content": "the mean price"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "function": {
                            "name": "database_query",
                            "arguments": {"query": "SELECT avg(price) FROM 'data/stock.csv'"},
                        }
                    }
                ],
            },
        ],
    ],
)
def test_a_table_that_was_spoken_of_before_can_be_meant(before: list[ChatMessage]) -> None:
    chat: list[ChatMessage] = [
        {"role": "system", "content": CONTEXT},
        *before,
        {"role": "user", "content": "and which host is the cheapest"},
    ]
    assert focused(chat) == chat


def test_a_table_that_is_named_now_is_meant_whatever_was_before() -> None:
    chat: list[ChatMessage] = [
        {"role": "system", "content": CONTEXT},
        {"role": "user", "content": "mean price in stock.csv"},
        {"role": "assistant", "content": "It is 3."},
        {"role": "user", "content": "and in df"},
    ]
    found = focused(chat)[0]["content"]
    assert found == "Tools: database_query\nDataframes: df(price, region)"


def test_a_single_table_needs_no_choice() -> None:
    line = "Dataframes: df(price, region)"
    assert context_after("mean price", line) == line


def test_the_last_request_counts_whatever_came_before_and_after() -> None:
    chat: list[ChatMessage] = [
        {"role": "system", "content": CONTEXT},
        {"role": "user", "content": "how many hosts"},
        {"role": "assistant", "content": "There are 3."},
        {"role": "user", "content": "mean price by region"},
        {"role": "tool", "name": "database_query", "content": "host, 3"},
    ]
    found = focused(chat)
    assert found[0]["content"] == "Tools: database_query\nDataframes: df(price, region)"
    assert found[1:] == chat[1:]
