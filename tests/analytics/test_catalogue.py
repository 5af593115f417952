"""What is said of the views without a look at a log."""

from __future__ import annotations

from importlib import resources

from notebook_agents.analytics.catalogue import columns_text


def test_the_file_of_columns_is_that_of_the_views() -> None:
    kept = resources.files("notebook_agents").joinpath("analytics/views/columns.json").read_text()
    assert kept == columns_text(), (
        "write it anew: python -m notebook_agents.analytics.catalogue, into columns.json"
    )
