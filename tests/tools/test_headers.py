"""The columns of tables in files, read without believing the files."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import duckdb
import pytest

from notebook_agents.tools.headers import MAX_CSV_BYTES, FileHeaders


def columns(folder: Path, path: str) -> tuple[str, ...]:
    return FileHeaders().columns(str(folder), path)


def csv_columns(folder: Path, content: str | bytes) -> tuple[str, ...]:
    content = content if isinstance(content, bytes) else content.encode()
    (folder / "t.csv").write_bytes(content)
    return columns(folder, "t.csv")


def write_parquet(folder: Path, select: str, name: str = "t.parquet") -> None:
    duckdb.sql(f"COPY ({select}) TO '{folder / name}' (FORMAT parquet)")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_usual_delimiters(workspace: Path, delimiter: str) -> None:
    lines = (["region", "unit price", "qty"], ["north", "1", "2"])
    content = "\n".join(delimiter.join(line) for line in lines)
    assert csv_columns(workspace, content) == ("region", "unit price", "qty")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b", ("a", "b")),
        ("\ufeffa,b\r\n1,2\r\n", ("a", "b")),
        ("price\n1\n2\n", ("price",)),
        ('"a, b";c\n1;2\n', ("a, b", "c")),
        ('"say ""hi""",b\n1,2\n', ('say "hi"', "b")),
        ('"two\nlines",b\n1,2\n', ("two\nlines", "b")),
        ("Name;Price,EUR;Qty\nx;1,5;2\n", ("Name", "Price,EUR", "Qty")),
        ("Größe,名前\n1,2\n", ("Größe", "名前")),
        ("a,b\n\xff\n".encode("latin-1"), ("a", "b")),
    ],
)
def test_a_header_is_read_as_written(
    workspace: Path, content: str | bytes, expected: tuple[str, ...]
) -> None:
    assert csv_columns(workspace, content) == expected


@pytest.mark.parametrize(
    "content",
    [
        *("", "\n1,2\n", "1,2\n3,4\n", "a,2\nb,3\n", "a,a\n1,2\n", "a,\n1,2\n", ",a\n0,1\n"),
        *("a,1e5\n", "a,-.5\n", "a, 7 \n", '"a,b\n1,2\n', "a\0b,c\n1,2\n"),
        "x" * (MAX_CSV_BYTES + 1) + ",b\n1,2\n",
    ],
)
def test_a_first_line_that_is_no_header_is_not_believed(workspace: Path, content: str) -> None:
    assert csv_columns(workspace, content) == ()


def test_only_the_beginning_of_a_huge_file_is_read(workspace: Path) -> None:
    with (workspace / "huge.csv").open("wb") as file:
        file.write(b"a,b\n1,2\n")
        file.truncate(10 << 30)
    assert columns(workspace, "huge.csv") == ("a", "b")


def test_a_tab_file_has_tabs_only(workspace: Path) -> None:
    (workspace / "t.tsv").write_text("a,b\tc\n1,2\t3\n")
    assert columns(workspace, "t.tsv") == ("a,b", "c")


def test_parquet_has_its_columns_without_those_inside_them(workspace: Path) -> None:
    select = "SELECT 1 AS id, {'x': 1, 'y': [1, 2]} AS point, [1.5] AS sizes, 'z' AS \"last one\""
    write_parquet(workspace, select)
    assert columns(workspace, "t.parquet") == ("id", "point", "sizes", "last one")


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_of_a_wide_file_no_more_is_kept_than_says_that_it_is_wide(
    workspace: Path, name: str
) -> None:
    names = [f"column {number} {'x' * 1000}" for number in range(500)]
    if name == "t.csv":
        (workspace / name).write_text(",".join(names[:50]) + "\n1\n")
    else:
        write_parquet(workspace, "SELECT " + ", ".join(f'1 AS "{column}"' for column in names))
    assert columns(workspace, name) == tuple(column[:200] for column in names[:13])


def test_a_damaged_parquet_file_has_no_columns(workspace: Path) -> None:
    write_parquet(workspace, "SELECT 1 AS id, 'x' AS name")
    whole = (workspace / "t.parquet").read_bytes()
    length = struct.unpack("<I", whole[-8:-4])[0]
    start = len(whole) - 8 - length
    damaged = [b"", b"PAR1", whole[:-1], whole[:-4] + b"PARE", whole[:-8] + b"\xff" * 4 + b"PAR1"]
    damaged += [whole[:start] + bytes([n] * length) + whole[-8:] for n in range(256)]
    damaged += [whole[: start + n] + b"\xff" + whole[start + n + 1 :] for n in range(12)]
    path = workspace / "t.parquet"
    for content in damaged:
        path.write_bytes(content)
        assert set(columns(workspace, "t.parquet")) <= {"id", "name"}, content


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(workspace: Path) -> None:
    headers, path = FileHeaders(), workspace / "t.csv"
    path.write_text("a,b\n1,2\n")
    status = path.stat()
    assert headers.columns(str(workspace), "t.csv") == ("a", "b")
    path.write_text("c,d\n1,2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert headers.columns(str(workspace), "t.csv") == ("a", "b")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert headers.columns(str(workspace), "t.csv") == ("c", "d")
    path.write_text("e,f,g\n1,2,3\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert headers.columns(str(workspace), "t.csv") == ("e", "f", "g")


def test_nothing_outside_the_folder_and_nothing_hidden_is_read(workspace: Path) -> None:
    secret = workspace.parent / "secret.csv"
    secret.write_text("secret,columns\n1,2\n")
    (workspace / "link.csv").symlink_to(secret)
    (workspace / "folder.csv").mkdir()
    (workspace / ".hidden.csv").write_text("secret,columns\n1,2\n")
    os.mkfifo(workspace / "fifo.csv")
    (workspace / "locked.csv").symlink_to("/proc/self/environ")
    for path in (
        *("link.csv", "../secret.csv", str(secret), "folder.csv", ".hidden.csv"),
        *("fifo.csv", "locked.csv", "missing.csv"),
    ):
        assert columns(workspace, path) == ()
    assert columns(workspace / "gone", "t.csv") == ()


@pytest.mark.parametrize("content", ['"' * MAX_CSV_BYTES, ",;" * (MAX_CSV_BYTES // 2), "a" * 10**6])
def test_a_hostile_file_takes_no_time(workspace: Path, content: str) -> None:
    (workspace / "t.csv").write_text("a,b\n" + "1,2\n" * 10_000)
    usual = _seconds(workspace)
    (workspace / "t.csv").write_text(content)
    assert _seconds(workspace) < 500 * usual


def _seconds(workspace: Path) -> float:
    def once() -> float:
        started = time.process_time()
        columns(workspace, "t.csv")
        return time.process_time() - started

    return min(once() for _ in range(5))
