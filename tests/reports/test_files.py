"""Reports made in processes of their own, with limits, and their files."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from tests.reports.documents import document, everything

from notebook_agents.core.errors import LimitExceeded, NotFound, Unsupported
from notebook_agents.core.ids import new_id
from notebook_agents.core.report_documents import Plain, Prose, document_from_json
from notebook_agents.reports import files
from notebook_agents.reports.files import ProcessReports


async def test_a_report_is_made_by_another_process_and_kept(tmp_path: Path) -> None:
    reports = ProcessReports(tmp_path / "reports")
    made, told = await asyncio.gather(
        reports.render(everything(), "pdf"), reports.render(everything(), "json")
    )
    assert made.startswith(b"%PDF-")
    assert document_from_json(told) == everything()
    path = await reports.keep(id := new_id(), "pdf", made)
    assert path == f"{id}.pdf"
    assert await reports.read(path) == made
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(None, (tmp_path / "reports" / path).stat)
    assert stat.S_IMODE(found.st_mode) == 0o600
    await reports.remove(path)
    await reports.remove(path)
    with pytest.raises(NotFound):
        await reports.read(path)
    for outside in ("../store.db", "/etc/passwd", f"{id}.pdf/../x"):
        with pytest.raises(ValueError, match="cannot name"):
            await reports.read(outside)


async def test_what_takes_too_long_or_is_too_much_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = ProcessReports(tmp_path, timeout_s=1)
    endless = document(*(Prose(text="*a " * 20_000) for _ in range(30)))
    with pytest.raises(LimitExceeded, match="longer than 1 seconds"):
        await slow.render(endless, "pdf")
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 1000)
    with pytest.raises(LimitExceeded, match="has more than"):
        await ProcessReports(tmp_path).render(document(Plain(text="x" * 2000)), "json")
    monkeypatch.setattr(files, "MAX_DOCUMENT_BYTES", 1000)
    with pytest.raises(LimitExceeded, match="leave out"):
        await slow.render(document(Plain(text="x" * 2000)), "json")


async def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(files.NEEDS, "pdf", ("a_library_that_nobody_has",))
    with pytest.raises(Unsupported, match=r"notebook-agents\[reports\]"):
        await ProcessReports(tmp_path).render(everything(), "pdf")
