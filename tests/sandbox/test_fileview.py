"""The interpreter is shown, home folders are not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.sandbox.fileview import import_paths, interpreter_folders, package_folders


def test_the_interpreter_and_its_base_are_shown() -> None:
    folders = interpreter_folders()
    for prefix in (sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1])):
        path = Path(prefix)
        assert path.is_relative_to("/usr") or any(path.is_relative_to(f) for f in folders)


def test_a_prefix_that_holds_a_home_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path(sys.prefix) / "home" / "me"))
    with pytest.raises(SandboxUnavailable, match="home folder"):
        interpreter_folders()


def test_an_editable_package_shows_its_own_folder_only() -> None:
    (folder,) = package_folders(["notebook_agents"], [])
    assert folder.name == "notebook_agents"
    assert package_folders(["notebook_agents"], [folder.parent]) == []


def test_packages_are_found_where_this_process_finds_them() -> None:
    (folder,) = package_folders(["notebook_agents"], [])
    assert import_paths(["notebook_agents"]) == (str(folder.parent),)


def test_an_unknown_package_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="no_such_package"):
        package_folders(["no_such_package"], [])
