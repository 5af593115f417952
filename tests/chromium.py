"""One headless browser for the tests of a file; rooms that drive one import these fixtures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
PATIENCE_MS = 120_000
"""How long a page may take to show something, where kernels start beside it on a busy machine."""


def path_of_chromium() -> str:
    """The program; skips the test where there is none."""
    executable = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip("no chromium; name one with CHROMIUM")
    return executable


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """No loop: the browser's own one runs in this thread from a file's first to its last test."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """No server either."""


@pytest.fixture(scope="module", name="chromium")
def one_chromium() -> Iterator[Any]:
    """The browser; its loop must have ended when tests elsewhere want one of theirs."""
    executable = path_of_chromium()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=FLAGS)
        yield browser
        browser.close()
