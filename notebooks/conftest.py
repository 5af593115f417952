"""Notebooks run as tests keep their records in a folder of their own, not in the person's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

_HOMES = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[object]:
    """A notebook's kernel starts when its first cell is set up, and inherits the environment."""
    stash = item.config.stash
    if _HOMES not in stash:
        stash[_HOMES] = tempfile.TemporaryDirectory(prefix="na-")
    before = os.environ.get("NOTEBOOK_AGENTS_HOME")
    os.environ["NOTEBOOK_AGENTS_HOME"] = stash[_HOMES].name
    try:
        return (yield)
    finally:
        if before is None:
            del os.environ["NOTEBOOK_AGENTS_HOME"]
        else:
            os.environ["NOTEBOOK_AGENTS_HOME"] = before


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder."""
    if _HOMES in config.stash:
        config.stash[_HOMES].cleanup()
