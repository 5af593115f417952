"""First paint of the server's dashboard over a made-up log, in chromium.

    python tests/benchmarks/dashboard_paint.py                 # 10 million events, everybody's

A server of its own has the log as its compacted events. The page is opened a few times by its
administrator: told is the time from the request until the key figures are there, and until every
chart in sight is drawn; the first opening is that of a server that has not read the log yet.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from notebook_agents.core.analytics import LogSnapshot
from notebook_agents.eventlog.manifest import ColdFile, Manifest, change_manifest

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.generated_log import generate
from tests.browser.conftest import Lab, running_lab
from tests.chromium import FLAGS

LIMIT_S = 2.0
TIMES = 4
WAIT_MS = 120_000
SEEN = "() => document.querySelector('.tile') && performance.now()"
DRAWN = """() => {
  const isInSight = (card) => card.getBoundingClientRect().top < innerHeight;
  const isDone = (card) => card.querySelector('.main-svg, table, .nothing');
  const cards = [...document.querySelectorAll('.card')].filter(isInSight);
  return cards.length > 0 && cards.every(isDone) && performance.now();
}"""


def say(line: str) -> None:
    """Show it at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def put(whole: LogSnapshot, home: Path) -> None:
    """Make the files the compacted part of a home's log."""
    cold = home / "events/cold"
    cold.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    files = []
    for number, path in enumerate(map(Path, whole.cold)):
        (cold / path.name).symlink_to(path.absolute())
        files.append(
            ColdFile(
                name=path.name, owner_id=f"user-{number}", n_events=1, sha256="",
                n_bytes=path.stat().st_size, first_at=now - timedelta(days=90), last_at=now,
            )
        )  # fmt: skip
    change_manifest(home, lambda _: Manifest(files=tuple(files)))


def paint(page: Page, lab: Lab, query: str) -> tuple[float, float]:
    """Seconds until the key figures, and until the charts."""
    page.goto("about:blank")
    page.goto(f"{lab.url}/notebook-agents/ui/?token={lab.token}{query}", wait_until="commit")
    times = [
        page.wait_for_function(script, timeout=WAIT_MS).json_value() / 1000
        for script in (SEEN, DRAWN)
    ]
    return times[0], times[1]


def main() -> None:
    """Start a server, open the page, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/notebook-agents-events"))
    asked = parser.parse_args()
    whole = generate(asked.folder, asked.events)
    with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder)) as lab:
        put(whole, lab.home)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.goto(f"{lab.url}/login")  # what a browser does once for all pages is no page's
            say(f"{'shown':20}{'key figures':>13}{'charts':>9}   s (limit {LIMIT_S:g})")
            for name, query in {
                "everybody's, 7 days": "&everybody=true&days=7",
                "everybody's, 90 days": "&everybody=true&days=90",
            }.items():
                for _ in range(TIMES):
                    figures, charts = paint(page, lab, query)
                    say(f"{name:20}{figures:13.2f}{charts:9.2f}")
            browser.close()


if __name__ == "__main__":
    main()
