"""Where files are, the copies that tools see, and reading in a tool kernel."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

import pytest

from notebook_agents.attachments import copies, extracting, kinds
from notebook_agents.attachments.extracting import NO_SANDBOX, Extractor, _fetch
from notebook_agents.attachments.files import AttachmentFolder
from notebook_agents.core.attachment_files import FileUnreadable
from notebook_agents.core.attachments import Attachment
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.tools import SandboxCall, SandboxOutcome
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.testing.tools import FakeSandbox
from notebook_agents.tools.querying import run_query

from .conftest import bomb, pdf

FILE = Attachment(
    id="01a00000-0000-7000-8000-000000000001",
    owner_id="../ann",
    conversation_id="c",
    name="report: 50%.pdf",
    mime_type=kinds.PDF,
    size_bytes=1,
    sha256="",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.fixture
async def extractor(tmp_path: Path) -> AsyncIterator[Extractor]:
    """At level low, which every machine has."""
    run_dir = Path(mkdtemp(prefix="nbt-"))  # short: paths of sockets have 107 bytes at most
    scratch = tmp_path / "scratch"
    sandbox = KernelSandbox(SandboxConfig(run_dir=run_dir, writable_root=scratch))
    yield Extractor(scratch=scratch, sandbox=sandbox, level="low")
    await sandbox.aclose()
    await asyncio.to_thread(shutil.rmtree, run_dir, ignore_errors=True)


async def kept(folder: AttachmentFolder, attachment: Attachment, content: bytes) -> None:
    incoming = await folder.receive()
    await incoming.write(content)
    assert await incoming.kind(attachment.name) == attachment.mime_type
    await incoming.digest()
    await folder.keep(incoming, attachment)


async def test_documents_are_read_in_a_tool_kernel_and_bombs_do_no_harm(
    extractor: Extractor, tmp_path: Path
) -> None:
    folder, told = AttachmentFolder(tmp_path / "files", extractor), list[float]()
    workspace = tmp_path / "workspace"
    await asyncio.to_thread(workspace.mkdir)
    await kept(folder, FILE, pdf("first", "second"))
    left_behind = extractor.scratch / f"attachment-{FILE.id}" / "source"
    await asyncio.to_thread(left_behind.parent.mkdir, parents=True)
    await asyncio.to_thread(left_behind.write_text, "of a server that died")
    assert await folder.read(FILE, told.append) == 11
    assert told == [0.5, 1.0]
    path = await folder.publish(FILE, str(workspace))
    assert path == "uploads/report_ 50_.pdf"
    text_path = await folder.publish_text(replace(FILE, path=path), str(workspace))
    text = await asyncio.to_thread((workspace / text_path).read_text)
    assert text == "[page 1]\nfirst\n\n[page 2]\nsecond"
    hostile = replace(FILE, id=f"{FILE.id[:-1]}2", mime_type=kinds.DOCX)
    await kept(folder, hostile, bomb())
    with pytest.raises(FileUnreadable, match="more than a hundred times its size"):
        await folder.read(hostile, told.append)
    assert await asyncio.to_thread(os.listdir, extractor.scratch) == []
    await folder.remove(replace(FILE, path=path, text_path=text_path), str(workspace))
    assert await asyncio.to_thread(os.listdir, workspace / "uploads") == []


async def test_without_a_sandbox_documents_are_not_read_and_text_is(tmp_path: Path) -> None:
    extractor = Extractor(scratch=tmp_path / "scratch", sandbox=FakeSandbox("low"))
    await kept(AttachmentFolder(tmp_path / "files", extractor), FILE, pdf("text"))

    class Refusing(FakeSandbox):
        async def execute(self, call: SandboxCall) -> SandboxOutcome:
            raise SandboxUnavailable("no bubblewrap")

    refusing = AttachmentFolder(tmp_path / "files", replace(extractor, sandbox=Refusing("low")))
    with pytest.raises(FileUnreadable) as refused:
        await refusing.read(FILE, lambda _: None)
    assert str(refused.value) == NO_SANDBOX
    text = replace(FILE, id=f"{FILE.id[:-1]}3", mime_type="text/plain", name="a.txt")
    await kept(refusing, text, b"hello")
    assert await refusing.read(text, lambda _: None) == 5


def test_what_a_kernel_that_lies_wrote_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, link = tmp_path / "secret", tmp_path / "sections.jsonl"
    secret.write_text('{"place": "", "text": "secret"}\n')
    link.symlink_to(secret)
    with pytest.raises(FileUnreadable):
        _fetch(link)
    for wrong in ("no json", '{"place": 1}', "[" * 10_000, "[]"):
        secret.write_text(wrong)
        with pytest.raises(FileUnreadable):
            _fetch(secret)
    secret.write_text('{"place": "a\\u202eb\\n", "text": "x\\u200by"}\n')
    (section,) = _fetch(secret)
    assert (section.place, section.text) == ("ab", "xy")
    monkeypatch.setattr(extracting, "MAX_SECTIONS", 3)
    secret.write_text('{"place": "", "text": "x"}\n' * 4)
    with pytest.raises(FileUnreadable, match="too many parts"):
        _fetch(secret)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8", "utf-8-sig"])
async def test_tools_see_text_in_utf_8_and_the_original_stays(
    tmp_path: Path, encoding: str
) -> None:
    folder = AttachmentFolder(
        tmp_path / "files", Extractor(scratch=tmp_path, sandbox=FakeSandbox())
    )
    attachment = replace(FILE, name="städte.csv", mime_type="text/csv")
    text = "stadt;größe\r\n" + "Köln;1\r\n" * 20_000
    await kept(folder, attachment, text.encode(encoding))
    path = await folder.publish(attachment, str(tmp_path))
    original = await asyncio.to_thread((folder.folder_of(attachment) / "original").read_bytes)
    assert original == text.encode(encoding)
    seen = await asyncio.to_thread((tmp_path / path).read_bytes)
    assert seen.decode("utf-8-sig") == text
    sql = f"SELECT stadt, sum(größe) FROM '{path}' GROUP BY ALL"
    found = await asyncio.to_thread(run_query, str(tmp_path), sql, 256, 10.0)
    assert "Köln" in str(found)
    assert "20000" in str(found)


def test_copies_never_follow_links_of_the_sandbox(tmp_path: Path) -> None:
    outside, workspace = tmp_path / "outside", tmp_path / "workspace"
    outside.mkdir()
    workspace.mkdir()
    (workspace / "uploads").symlink_to(outside)
    assert copies.put(str(workspace), "a.txt", b"text") == ""
    (workspace / "uploads").unlink()
    assert copies.put(str(workspace), "a.txt", b"one") == "uploads/a.txt"
    assert copies.put(str(workspace), "a.txt", b"two") == "uploads/a (2).txt"
    (outside / "mine").write_text("mine")
    (workspace / "uploads" / "b.txt").symlink_to(outside / "mine")
    assert copies.put(str(workspace), "b.txt", b"three") == "uploads/b (2).txt"
    copies.remove(str(workspace), "uploads/b.txt")
    copies.remove(str(workspace), "uploads/nothing")
    assert (outside / "mine").read_text() == "mine"
    assert len(copies.put(str(workspace), "ä" * 127 + ".txt", b"").encode()) <= 255 + len(
        "uploads/"
    )
