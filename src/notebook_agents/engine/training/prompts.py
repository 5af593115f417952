"""Requests written by hand, with the files they are about, and requests outside the domain.

The documented demo requests and paraphrases of them come first. They are evaluation data: the
generator never reads this module.
"""

# A phrasing stands on one line.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass

from notebook_agents.engine.training.conversation import LISTER, PYTHON, READER, SQL
from notebook_agents.engine.training.product import Setting
from notebook_agents.engine.training.settings import written_setting

FILES = {
    "data/sales.csv": "region,product,price,quantity,revenue\neast,lamp,20,3,60\nwest,desk,150,1,150\n"
    "east,chair,45,4,180\nnorth,lamp,20,5,100\nwest,chair,45,2,90\n",
    "sales.csv": "category,price,units\nfood,2.5,10\ntoys,12,3\nfood,4.5,7\nbooks,9.25,4\n",
    "orders.csv": "order_id,status,amount\n1,open,20\n2,paid,35\n3,open,12.5\n4,shipped,80\n5,paid,5\n",
    "data/notes.txt": "alpha first\nbeta second\ngamma third\ndelta fourth\nepsilon fifth\nzeta sixth",
    "README.md": "# Demo\n\nThis folder is small.\nIt has two tables.\nEnjoy.\nLast line.\n",
}
"""The working directory of the hand-written requests."""


@dataclass(frozen=True)
class Request:
    """A hand-written request, the tool it needs and texts that the answer must contain."""

    category: str
    text: str
    tool: str
    expected: tuple[str, ...]


def _requests(category: str, tool: str, expected: str, texts: str) -> list[Request]:
    wanted = tuple(expected.split("|"))
    return [Request(category, line.strip(), tool, wanted) for line in texts.strip().splitlines()]


COMPUTE = _requests(
    "compute",
    PYTHON,
    "83810205",
    """
    Use python to compute 12345*6789
    use Python to calculate 12345*6789
    What is 12345*6789?
    what is 12345 * 6789
    compute 12345*6789
    please calculate 12345 * 6789
    Calculate 12345*6789 with Python.
    12345*6789
    multiply 12345 by 6789
    how much is 12345 times 6789?
    Can you compute 12345*6789 using python?
    could you work out 12345*6789
    tell me the product of 12345 and 6789
    I need the result of 12345*6789
    """,
)
GROUP = _requests(
    "group a table",
    SQL,
    "east: 240|north: 100|west: 240",
    """
    What is the total revenue by region in data/sales.csv?
    total revenue per region in data/sales.csv
    Show me the total revenue for each region in data/sales.csv
    sum of revenue by region in data/sales.csv
    What's the sum of revenue grouped by region in data/sales.csv?
    group data/sales.csv by region and show the total revenue
    In data/sales.csv, what is the total revenue by region?
    Compute the total revenue by region from data/sales.csv
    revenue total for each region from the file data/sales.csv
    can you show the total revenue by region in data/sales.csv
    How does the total revenue vary by region in data/sales.csv?
    Please give me the sum of revenue per region in data/sales.csv.
    """,
)
READ = _requests(
    "read lines",
    READER,
    "alpha first\nbeta second\ngamma third\n",
    """
    Read the first 3 lines of data/notes.txt
    show the first 3 lines of data/notes.txt
    Show me the first 3 lines of data/notes.txt.
    print the first three lines of data/notes.txt
    what are the first 3 lines of data/notes.txt?
    first 3 lines of data/notes.txt
    Can you read the first 3 lines of data/notes.txt?
    please read 3 lines of data/notes.txt
    give me the first 3 lines of the file data/notes.txt
    display the first 3 lines from data/notes.txt
    head -n 3 data/notes.txt
    I want to see the first 3 lines of data/notes.txt
    """,
)
LIST = _requests(
    "list files",
    LISTER,
    "orders.csv|README.md",
    """
    list files
    List the files
    what files are here?
    show me the files
    which files do I have?
    ls
    What files are in this folder?
    show all files
    """,
)
OTHER = [
    Request("other tables", text, SQL, wanted)
    for text, wanted in (
        ("average price per category in sales.csv", ("books: 9.25", "food: 3.5", "toys: 12")),
        ("what is the average price by category in sales.csv?", ("food: 3.5",)),
        ("count rows by status in orders.csv", ("open: 2", "paid: 2", "shipped: 1")),
        ("how many orders.csv rows are there for each status", ("open: 2", "paid: 2")),
        ("how many rows are in orders.csv?", ("5",)),
        ("what is the maximum amount in orders.csv", ("80",)),
        ("highest revenue in data/sales.csv", ("180",)),
        ("which product has the highest price in data/sales.csv?", ("desk", "150")),
        ("top 2 rows by revenue in data/sales.csv", ("chair", "desk")),
        ("what columns are in orders.csv?", ("order_id", "status", "amount")),
        ("show the first 2 rows of sales.csv", ("food, 2.5, 10", "toys, 12, 3")),
        ("how many rows in orders.csv have amount greater than 15", ("3",)),
        ("what is the total amount in orders.csv where status is paid", ("40",)),
        ("different status values in orders.csv", ("open", "paid", "shipped")),
    )
]
FRAMES = [
    Request("dataframe", text, PYTHON, wanted)
    for text, wanted in (
        ("what is the mean temperature in df", ("19.5",)),
        ("average humidity by city in df", ("oslo: 60", "rome: 45")),
        ("how many rows does df have?", ("4",)),
        ("plot a histogram of temperature in df", ("histogram of temperature",)),
        ("show the first 2 rows of df", ("oslo,12", "rome,25")),
        ("maximum of temperature", ("27",)),
    )
]
MORE = [
    Request("other files", "show me the first lines of README.md", READER, ("# Demo",)),
    Request("other files", "read README.md", READER, ("# Demo", "Last line.")),
    Request("other files", "list the csv files in data", LISTER, ("sales.csv",)),
    Request("other files", "what is in the folder data?", LISTER, ("notes.txt",)),
    Request("more python", "what is 15% of 240?", PYTHON, ("36",)),
    Request("more python", "square root of 144", PYTHON, ("12",)),
    Request("more python", "run print(6*7)", PYTHON, ("42",)),
    Request("more python", "what is 2 to the power of 10", PYTHON, ("1024",)),
    Request("more python", "average of 3, 5 and 10", PYTHON, ("6",)),
    Request("more python", "plot revenue by region in data/sales.csv as a bar chart", PYTHON,
            ("bar chart of revenue by region",)),
    Request("no tool", "who are you?", "", ("tiny built-in model",)),
    Request("no tool", "what can you do?", "", ("calculate",)),
    Request("no tool", "hello", "", ("Hello",)),
    Request("no tool", "thank you!", "", ("welcome",)),
    Request("no tool", "what is the capital of France?", "", ("I don't know that.",)),
    Request("no tool", "send an email to Anna", "", ("I can't do that",)),
]  # fmt: skip

DEMOS = (COMPUTE, GROUP, READ)
REQUESTS = [*COMPUTE, *GROUP, *READ, *LIST, *OTHER, *FRAMES, *MORE]

DATA_FRAMES = {"df": "city,temperature,humidity\noslo,12,55\nrome,25,40\noslo,14,65\nrome,27,50\n"}
"""The data frames of the hand-written requests, as CSV."""


def setting() -> Setting:
    """The files and the dataframe of the hand-written requests."""
    return written_setting(FILES, DATA_FRAMES)
