"""L: what comes from outside is counted and judged at the door."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest

from notebook_agents.attachments import notebooks
from notebook_agents.attachments.extracting import Extractor
from notebook_agents.attachments.files import AttachmentFolder
from notebook_agents.attachments.reading import Refused
from notebook_agents.core.attachments import AttachmentLimits
from notebook_agents.core.core import Core
from notebook_agents.dashboards.tables import Table
from notebook_agents.tasks.preparing import KERNEL, load, prepare
from notebook_agents.testing import ScriptedEngine, fake_core
from notebook_agents.testing.tools import FakeSandbox
from notebook_agents_server.testing import Answer, Client

MIB = 1024 * 1024
MAX_BYTES = MIB
RLO = "\u202e"
BOUNDARY = "multipart/form-data; boundary=xyz"
"""Of all forms here."""


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False, "max_body_bytes": MIB}


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    """Real files, and a sandbox that reads nothing."""
    extractor = Extractor(scratch=tmp_path / "workspaces", sandbox=FakeSandbox())
    return fake_core(
        engine=engine,
        home=tmp_path / "workspaces",
        attachment_files=AttachmentFolder(tmp_path / "files", extractor),
        attachment_limits=AttachmentLimits(
            max_bytes=MAX_BYTES, quota_bytes=3 * MAX_BYTES, max_files=50
        ),
    )


async def session(client: Client) -> str:
    agent = (await client.post("/v1/agents", {"name": "Helper"})).json["agent_id"]
    first = await client.post(f"/v1/agents/{agent}/conversations", {"message": "hello"})
    return str(first.json["conversation_id"]).removeprefix("conv_")


def part(name: str, content: bytes, file_name: str | None = None, more: str = "") -> bytes:
    quoted = "" if file_name is None else f'; filename="{file_name}"'
    head = f'--xyz\r\nContent-Disposition: form-data; name="{name}"{quoted}\r\n{more}\r\n'
    return head.encode() + content + b"\r\n"


def form(id: str, content: bytes, file_name: str = "notes.txt") -> bytes:
    """A whole form with a file."""
    return part("ui_session_id", id.encode()) + part("file", content, file_name) + b"--xyz--\r\n"


async def send(client: Client, body: bytes, kind: str = BOUNDARY) -> Answer:
    return await client.ask("POST", "/api/v1/upload_file", body, Content_Type=kind)


def kept(folder: Path) -> list[Path]:
    """Every file that is on disk, half ones too."""
    return [path for path in (folder / "files").rglob("*") if path.is_file()]


async def nothing_is_kept(folder: Path) -> None:
    """A file that was refused is forgotten by the server's loop, soon."""
    async with asyncio.timeout(10):
        while kept(folder):  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


async def raw(client: Client, head: str, chunks: list[bytes]) -> int:
    """The status of a request that no honest client sends; 0 where the server just hangs up."""
    host, _, port = client.origin.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    token = client.headers["Authorization"]
    path = f"{client.base_path}/api/v1/upload_file"
    lines = [
        f"POST {path} HTTP/1.1", f"Host: {host}:{port}", f"Authorization: {token}",
        f"Content-Type: {BOUNDARY}", head, "", "",
    ]  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    try:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        async with asyncio.timeout(10):
            line = await reader.readline()
    except (ConnectionError, TimeoutError):
        return 0
    finally:
        writer.close()
    return int(line.split()[1]) if line else 0


async def test_l01_a_body_is_counted_whatever_it_says_of_its_length(
    client: Client, tmp_path: Path
) -> None:
    id = await session(client)
    body = form(id, b"x" * (5 * MAX_BYTES // 2))
    pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    chunked = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]
    answers = {
        "honest": await raw(client, f"Content-Length: {len(body)}", pieces),
        "chunked": await raw(client, "Transfer-Encoding: chunked", chunked),
        "enormous": await raw(client, "Content-Length: 99999999999999999999", pieces[:1]),
        "negative": await raw(client, "Content-Length: -1", pieces[:1]),
        "two": await raw(client, "Content-Length: 5\r\nContent-Length: 9", pieces[:1]),
        "both": await raw(client, "Content-Length: 5\r\nTransfer-Encoding: chunked", chunked[:2]),
        "missing": await raw(client, "Connection: close", pieces[:1]),
        "short": await raw(client, "Content-Length: 100", pieces[:1]),
    }
    assert (answers["honest"], answers["chunked"]) == (413, 413)
    assert all(status in (0, 400, 411, 413) for status in answers.values()), answers
    await nothing_is_kept(tmp_path)
    whole = await send(client, form(id, b"x" * MAX_BYTES))
    assert whole.status == 200
    assert (await send(client, form(id, b"x" * (MAX_BYTES + 1)))).status == 413
    assert (await client.get("/health")).status == 200


async def test_g08_a_quota_is_exact_and_what_is_over_it_leaves_nothing(
    client: Client, tmp_path: Path
) -> None:
    id = await session(client)
    for _ in range(2):
        assert (await send(client, form(id, b"x" * MAX_BYTES))).status == 200
    assert (await send(client, form(id, b"x" * (MAX_BYTES - 10)))).status == 200
    assert (await send(client, form(id, b"x" * 11))).status in (409, 413, 429, 507)
    assert (await send(client, form(id, b"x" * 10))).status == 200
    assert (await send(client, form(id, b"x"))).status in (409, 413, 429, 507)
    originals = [path for path in kept(tmp_path) if path.name == "original"]
    assert sum(path.stat().st_size for path in originals) == 3 * MAX_BYTES
    async with asyncio.timeout(10):
        while any("incoming" in path.parts for path in kept(tmp_path)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_l02_forms_that_are_no_forms_are_refused(client: Client, tmp_path: Path) -> None:
    id = await session(client)
    whole = form(id, b"hello")
    file = part("file", b"hello", "notes.txt")
    asking = part("ui_session_id", id.encode())
    for name, (body, kind) in {
        "10,000 parts": (b"".join(part(f"p{n}", b"") for n in range(10_000)) + whole, BOUNDARY),
        "a header of 1 MB": (
            asking + part("file", b"x", "n.txt", more=f"X-A: {'a' * 900_000}\r\n") + b"--xyz--\r\n",
            BOUNDARY,
        ),
        "no boundary": (whole, "multipart/form-data"),
        "an empty boundary": (whole, "multipart/form-data; boundary="),
        "another boundary": (whole, "multipart/form-data; boundary=abc"),
        "a long boundary": (whole, f"multipart/form-data; boundary={'x' * 9000}"),
        "a field twice": (asking + asking + file + b"--xyz--\r\n", BOUNDARY),
        "a file twice": (asking + file + file + b"--xyz--\r\n", BOUNDARY),
        "no name": (b"--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xyz--\r\n", BOUNDARY),
        "no end": (asking + file, BOUNDARY),
        "JSON": (b"{}", "application/json"),
        "no file": (asking + b"--xyz--\r\n", BOUNDARY),
    }.items():
        answer = await send(client, body, kind)
        assert answer.status in (400, 422), (name, answer.status)
        await nothing_is_kept(tmp_path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../x.txt", "x.txt"),
        ("..\\\\..\\\\x.txt", "x.txt"),
        ("/etc/passwd", "passwd"),
        (f"x.ipynb{RLO}gpj", "x.ipynbgpj"),
        ("a\tb\x01.txt", "a b.txt"),
        ("a" * 10_000 + ".txt", None),
        (".env", None),
        ("..", None),
    ],
)
async def test_l02_names_are_kept_as_words_and_no_path(
    client: Client, tmp_path: Path, name: str, shown: str | None
) -> None:
    id = await session(client)
    answer = await send(client, form(id, b"hello", name))
    if answer.status != 200:
        assert answer.status == 400
        await nothing_is_kept(tmp_path)
        return
    told = answer.json["filename"]
    assert shown in (None, told)
    assert len(told.encode()) <= 255
    assert told.isprintable()
    assert not {"/", "\\"} & set(told)
    for path in kept(tmp_path):
        assert told not in str(path)
    assert not (tmp_path.parent / "x.txt").exists()


async def test_l05_packed_files_are_not_taken_at_all(client: Client, tmp_path: Path) -> None:
    id = await session(client)
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("x", "y")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("x"))
    flat = io.BytesIO()
    with tarfile.open(fileobj=flat, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("x"))
    for content in (packed.getvalue(), flat.getvalue(), (tmp_path / "plain.zip").read_bytes()):
        for name in ("x.tar", "x.docx", "x.txt"):
            answer = await send(client, form(id, content, name))
            assert answer.status == 400, name
    await nothing_is_kept(tmp_path)


JSON_TEXTS = {
    "deep": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep maps": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a key twice": b'{"name": "one", "name": "two"}',
    "a key twice among many": b"{%s}" % b",".join(b'"%d":0' % (n % 90_000) for n in range(90_001)),
    "a key twice below": b'{"name": "x", "metadata": {"a": 1, "a": 2}}',
    "NaN": b'{"name": "x", "metadata": {"a": NaN}}',
    "Infinity": b'{"name": "x", "metadata": {"a": -Infinity}}',
    "1e999": b'{"name": "x", "metadata": {"a": 1e999}}',
    "10,000 digits": b'{"name": "x", "metadata": {"a": ' + b"9" * 10_000 + b"}}",
    "half a character": b'{"name": "\\ud800"}',
    "NUL": b'{"name": "a\\u0000b"}',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "no end": b'{"name": "x"',
    "many objects": b'{"name": [' + b"{}," * 150_000 + b"{}]}",
    "a comment": b'{"name": "x"} // y',
}


async def test_l07_json_that_readers_disagree_about_is_refused_in_each_dialect(
    client: Client,
) -> None:
    """The same door reads the bodies of all dialects."""
    for path in ("/v1/agents", "/api/v1/tasks", "/api/execute", "/api/auth/login"):
        for name, body in JSON_TEXTS.items():
            began = time.process_time()
            answer = await client.ask("POST", path, body)
            too_large = (413,) if path == "/api/auth/login" and len(body) > 64 << 10 else ()
            known = too_large or (400, 422)
            assert answer.status in known, (path, name, answer.status, answer.body[:200])
            assert time.process_time() - began < 1.5, (path, name)
            assert len(answer.body) < 5_000, (path, name)
    huge = await client.ask("POST", "/v1/agents", b'{"name": "' + b"x" * (MIB + 1) + b'"}')
    assert huge.status == 413


def notebook(**changes: Any) -> dict[str, Any]:
    """A notebook that wishes for another kernel and brings scripts along."""
    script = {
        "text/html": "<script>alert(1)</script>",
        "application/javascript": "alert(2)",
        "application/vnd.jupyter.widget-view+json": {"model_id": "x"},
        "text/plain": "a table",
    }
    cell = {
        "cell_type": "code", "id": "a", "source": "open('ran', 'w')", "execution_count": 1,
        "metadata": {"tags": ["keep"], "trusted": True, "kernel": "evil"},
        "outputs": [{"output_type": "display_data", "metadata": {}, "data": script}],
    }  # fmt: skip
    kernel = {
        "name": "evil",
        "display_name": "Evil",
        "metadata": {
            "kernel_provisioner": {"provisioner_name": "local-provisioner", "config": {"x": 1}}
        },
    }
    metadata = {"kernelspec": kernel, "signature": "hmac-sha256:00", "widgets": {"x": {}}}
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": [cell]}
    return whole | changes


def test_l08_a_notebook_chooses_no_kernel_brings_no_scripts_and_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(notebook()))
    told = "".join(piece.text for piece in notebooks.pieces(path))
    assert "a table" in told
    assert "script" not in told
    assert "alert" not in told
    ready = prepare(load(str(path)))
    assert ready.metadata == {"kernelspec": KERNEL}
    assert ready.cells[0].metadata == {"tags": ["keep"]}
    assert ready.cells[0].outputs == []
    assert not Path("ran").exists()


def test_l08_notebooks_that_are_none_or_too_much_are_refused_or_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    none: list[Any] = [
        notebook(nbformat=99),
        notebook(nbformat="4"),
        notebook(cells={"a": 1}),
        notebook(cells=[{"cell_type": "code"}]),
        notebook(cells=[1]),
        {"nbformat": 4},
        [],
    ]
    for wrong in none:
        path.write_text(json.dumps(wrong))
        with pytest.raises(Refused):
            list(notebooks.pieces(path))
        with pytest.raises(
            (ValueError, nbformat.ValidationError, AttributeError, KeyError, TypeError)
        ):
            prepare(load(str(path)))
    path.write_text('{"nbformat": 4, "cells": ' + "[" * 100_000)
    with pytest.raises((Refused, RecursionError)):
        list(notebooks.pieces(path))
    loud = notebook()
    loud["cells"][0]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "x" * 20 * MIB}
    ]
    path.write_text(json.dumps(loud))
    assert sum(len(piece.text) for piece in notebooks.pieces(path)) < 100_000


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_l10_cells_that_leave_for_a_spreadsheet_are_no_formulas(cell: str) -> None:
    """Tables of panels are the one place where the product writes CSV for people."""
    table = Table(caption="Tools", columns=(cell, "n"), rows=((cell, -1), (None, 2.5)))
    rows = list(csv.reader(io.StringIO(table.as_csv(), newline="")))
    shown = "'" + cell.replace("\r", "\n")
    assert rows == [[shown, "n"], [shown, "-1"], ["", "2.5"]]
    inside = Table(caption="Tools", columns=("a",), rows=((f"x\r{cell}",),)).as_csv()
    assert len(list(csv.reader(io.StringIO(inside, newline="")))) == 2


async def test_l11_a_page_that_was_given_is_offered_to_no_browser(
    client: Client, tmp_path: Path
) -> None:
    """No address answers with its bytes: what is told of a file is JSON."""
    id = await session(client)
    page = b"<html><script>document.title = 'ran'</script></html>"
    picture = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    for name, content in (("page.html", page), ("picture.svg", picture)):
        given = (await send(client, form(id, content, name))).json
        assert given["mime_type"] in ("text/html", "text/plain")
        for path in (
            f"/api/v1/files/{id}", f"/api/v1/files/{id}/{given['id']}",
            f"/api/v1/upload_file/{given['id']}", f"/files/uploads/{name}",
            f"/api/v1/files/{id}/{given['id']}/content", f"/api/v1/files/{id}/{name}",
        ):  # fmt: skip
            answer = await client.get(path)
            assert b"<script>" not in answer.body, path
            if answer.status == 200:
                assert answer.headers["Content-Type"].startswith("application/json")
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(kept(tmp_path)) >= 2
