"""``jupyter agents doctor`` tells what works here, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from notebook_agents_server.doctor_app import DoctorApp


def run(home: Path, *arguments: str) -> int:
    app = DoctorApp()
    app.initialize([f"--home={home}", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.start()
    return int(str(ended.value.code))


def test_every_level_and_mechanism_is_in_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(tmp_path, "--json")
    document = json.loads(capsys.readouterr().out)
    low, medium, high = document["levels"]
    assert [low["level"], medium["level"], high["level"]] == ["low", "medium", "high"]
    assert code == (0 if medium["is_available"] else 1)
    for level in (medium, high):
        backends = [tried["backend"] for tried in level["mechanisms"]]
        assert backends == ["namespaces", "namespaces-noproc", "landlock"]
        for tried in level["mechanisms"]:
            assert tried["evidence"]
            assert tried["enforces"] if tried["is_available"] else tried["remedy"]
    assert not high["has_children"]


def test_what_is_missing_is_told_with_evidence_and_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    run(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert "  namespaces: missing bubblewrap" in lines
    assert "    evidence: no program 'bwrap' on the PATH" in lines
    assert any(line.startswith("    to mend it: install bubblewrap") for line in lines)
    assert any("not a sandbox" in line for line in lines)
    assert any("no child processes" in line for line in lines)


def test_a_level_that_cannot_be_had_ends_with_1(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.platform", "darwin")
        assert run(tmp_path, "--sandbox-level=high") == 1
    assert run(tmp_path, "--sandbox-level=low") == 0


def test_a_collector_of_telemetry_is_asked_where_one_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    named = "--DoctorApp.otel_endpoint"
    run(tmp_path, "--json")
    assert json.loads(capsys.readouterr().out)["telemetry"] is None
    run(tmp_path, f"{named}=http://127.0.0.1:9")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "telemetry: the collector takes nothing: it could not be reached"
    run(tmp_path, f"{named}=localhost")
    assert "write it as 'http://localhost:4318'" in capsys.readouterr().out
