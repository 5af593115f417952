"""Sessions are packed, and the packed files come back."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from notebook_agents_server.testing import Client

from .conftest import asked, made


@pytest.mark.parametrize("mount", ["", "/notebook-agents/agent_api"], ids=["root", "prefix"])
async def test_S_24_S_83_a_session_is_packed_and_takes_no_query_any_more(
    client: Client, mount: str
) -> None:
    api = client.below(mount)
    session = await made(api)
    at = f"/api/v1/sessions/{session['id']}"
    await asked(api, session["id"])
    assert (await api.get(f"{at}/archive")).json["detail"] == "Archive not found"
    wrong = await api.post(f"{at}/archive", {"compression": "zip"})
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (422, "compression")
    folder = Path(session["working_directory_path"])
    (folder / "data").mkdir()
    (folder / "data" / "table.csv").write_text("a,b\n1,2\n")
    (folder / "link").symlink_to("/etc/passwd")
    answer = await api.post(f"{at}/archive", {"compression": "gzip"})
    assert answer.status == 200
    archive = answer.json
    assert archive["archive_path"].endswith(f"/archives/{archive['archive_id']}.tar.gz")
    assert (archive["file_count"], archive["status"]) == (1, "completed")
    assert archive["id"] == archive["archive_id"]
    files = archive["manifest"]["files"]
    assert files == [{"path": "data/table.csv", "size_bytes": 8}]
    assert (await api.get(f"{at}/archive")).json == archive
    packed = await api.get(f"{at}/archive/download")
    assert packed.headers["Content-Type"] == "application/gzip"
    assert len(packed.body) == archive["archive_size_bytes"] == archive["size_bytes"]
    head = await api.ask("HEAD", f"{at}/archive/download")
    assert (head.status, head.body) == (200, b"")
    assert packed.headers["Content-Length"] == head.headers["Content-Length"]
    with tarfile.open(fileobj=io.BytesIO(packed.body)) as tar:
        assert tar.getnames() == ["data/table.csv"]
        member = tar.extractfile("data/table.csv")
        assert member is not None
        assert member.read() == b"a,b\n1,2\n"
    detail = (await api.get(at)).json
    assert (detail["status"], detail["archived_at"]) == ("archived", archive["archived_at"])
    Path(archive["archive_path"]).rename(folder / "hidden")
    missing = await api.get(f"{at}/archive/download")
    assert (missing.status, missing.json["error_code"]) == (409, "CONFLICT")
    (folder / "hidden").rename(archive["archive_path"])
    refused = await api.post(f"{at}/query", {"message": "more"})
    assert (refused.status, refused.json["error_code"]) == (409, "CONFLICT")
    assert "archived" in refused.json["detail"]
    assert (await api.post(f"{at}/archive", {})).status == 409
    assert (await api.get("/api/v1/sessions?status=archived")).json["total"] == 1
    fork = await api.post(f"{at}/fork", {})
    assert (fork.status, fork.json["status"]) == (201, "created"), "and goes on in a fork"
    assert (await api.delete(at)).status == 204
    assert not Path(archive["archive_path"]).exists()
    assert not folder.exists()
