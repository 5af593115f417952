"""Uploads are read as their authors mean them, or refused with row, column and remedy."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.optimization.database import Leash, database
from notebook_agents.optimization.intake import take_in


def taken(tmp_path: Path, content: bytes) -> list[tuple[object, ...]]:
    source, target = tmp_path / "upload.csv", tmp_path / "kept.parquet"
    source.write_bytes(content)
    kept = take_in(source, target, Leash())
    with database() as connection:
        columns = ", ".join(kept.columns)
        rows = connection.execute(f"SELECT {columns} FROM read_parquet('{target}')").fetchall()
    return [tuple(row) for row in rows]


def test_aliases_spaces_and_case_do_not_matter(tmp_path: Path) -> None:
    found = taken(
        tmp_path,
        b"\xef\xbb\xbfGPU, Duration Hours ,gpu-util,DType,Preemptible,Start Time,weird\r\n"
        b'L4,1.5,0.5,Float16,Yes,2026-03-01T08:00:00+02:00,x\r\n"A100, 80GB",2,,,,,\r\n',
    )
    assert found == [
        ("L4", 1.5, "fp16", 0.5, datetime(2026, 3, 1, 6), True),  # noqa: DTZ001
        ("A100, 80GB", 2.0, None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the table is empty"),
        (b"gpu,hours\n", "no rows below its first line"),
        (b"gpu\nL4\n", "the column 'hours' .* is missing; name it 'hours' or 'duration_hours'"),
        (b"gpu,gpu_type,hours\nA,B,1\n", "'gpu' and 'gpu_type' both mean 'gpu_type'"),
        (b"gpu,hours\nL4,1\nL4\n", "line 3 has 1 cells, the first line names 2 columns"),
        (b'gpu,hours\n"L4,1\n', "line 2 is not valid CSV"),
        (b"gpu,hours\n\xff\xfe,1\n", "not valid CSV"),
        (b"PAR1\0\0", "this is not text"),
        ("gpu_type,hours\nL4,1\n".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ("gpu_type,hours\nL4,1\n".encode("utf-16-le"), "UTF-16 text; save it as UTF-8"),
        ("gpu_type,hours\nL4,1\n".encode("utf-16-be"), "UTF-16 text; save it as UTF-8"),
        (f"gpu_type,hours\nL{'4' * 200},1\n".encode(), "use up to 200 letters"),
        (b"gpu,hours\nL4,\n", "row 1, column 'hours' is empty; use a number above 0"),
        (b"gpu,hours\nL4,1\nL4,nan\n", "row 2, column 'hours' holds 'nan'"),
        (b"gpu,hours\nL4,1e400\n", "row 1, column 'hours' holds '1e400'"),
        (b"gpu,hours,gpus\nL4,1,1.5\n", "column 'gpus' holds '1.5'; use a whole number"),
        (b"gpu,hours,utilization\nL4,1,85\n", "holds .85.; use a number of at least 0"),
        (b"gpu,hours,dtype\nL4,1,fp7\n", "use one of fp32, tf32"),
        (b"gpu,hours,start\nL4,1,soon\n", "use a time such as 2026-03-01T08:00:00Z"),
        (b"gpu,hours,start\nL4,1,infinity\n", "use a time such as"),
        (b"gpu,hours,start,due_at\nL4,1,2026-03-02,2026-03-01\n", "row 1, column 'deadline_at' is"),
        (b"gpu,hours\n=HYPERLINK(1),1\n", "begin with a letter or digit"),
        (b"gpu,hours\n@SUM(1),1\n", "begin with a letter or digit"),
        (b"gpu,hours," + b",".join(b"c%d" % n for n in range(99)) + b"\n", "101 columns"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused_with_a_remedy(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        taken(tmp_path, content)
    assert str(tmp_path) not in caught.value.message


@pytest.mark.slow
def test_a_million_rows_are_taken_in(tmp_path: Path) -> None:
    content = b"gpu,hours,utilisation\n" + b"A100,5,0.5\n" * 1_000_000
    source = tmp_path / "upload.csv"
    source.write_bytes(content)
    assert take_in(source, tmp_path / "kept.parquet", Leash()).n_rows == 1_000_000
