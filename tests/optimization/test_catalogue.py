"""The price catalogue: shipped, edited, and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.optimization.catalogue import load_catalogue, parse_catalogue, shipped_text

ONE = """
currency = "EUR"
priced_on = 2026-01-01
[[gpu]]
name = "Mine"
memory_gib = 10
bandwidth_gb_s = 100
on_demand_per_hour = 1.5
tflops = { fp16 = 10 }
"""


def test_the_shipped_prices_are_dated_and_called_illustrative(tmp_path: Path) -> None:
    catalogue = load_catalogue(tmp_path)
    assert "Illustrative" in catalogue.note
    assert "ILLUSTRATIVE" in shipped_text()
    assert catalogue.priced_on.year >= 2026
    assert all(gpu.source and gpu.vendor for gpu in catalogue.gpu)


def test_names_are_found_in_any_case_and_with_the_vendor(tmp_path: Path) -> None:
    catalogue = load_catalogue(tmp_path)
    for name in ("a100", "NVIDIA A100-80GB", "A100-80gb"):
        found = catalogue.find(name)
        assert found is not None
        assert found.name == "A100-80GB"
    assert catalogue.find("abacus") is None


def test_variants_of_a_gpu_have_figures_of_their_own(tmp_path: Path) -> None:
    catalogue = load_catalogue(tmp_path)
    a10, a10g, v100 = (catalogue.find(name) for name in ("A10", "NVIDIA A10G", "V100"))
    assert a10 is not None and a10g is not None and v100 is not None  # noqa: PT018
    assert (a10.speed("fp16"), a10g.speed("fp16")) == (125e12, 70e12)
    assert (v100.name, v100.speed("bf16")) == ("V100-16GB", None)


def test_a_file_in_the_home_takes_its_place_at_once(tmp_path: Path) -> None:
    (tmp_path / "price_catalogue.toml").write_text(ONE)
    assert [gpu.name for gpu in load_catalogue(tmp_path).gpu] == ["Mine"]
    chosen = tmp_path / "other.toml"
    chosen.write_text(ONE.replace("Mine", "Other"))
    assert load_catalogue(tmp_path, str(chosen)).gpu[0].name == "Other"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("memory_gib = 10", "memory_gib = -1", "gpu 'Mine', memory_gib: Input should be greater"),
        ("memory_gib = 10", "", "gpu 'Mine', memory_gib: Field required"),
        ("fp16 = 10", "fp17 = 10", "unknown precision 'fp17'"),
        ("fp16 = 10", "fp16 = inf", "tflops.fp16: Input should be"),
        ('currency = "EUR"', 'currency = "euros"', "currency: String should match"),
        ("bandwidth_gb_s", "bandwith_gb_s", "Extra inputs|Field required"),
        ("priced_on = 2026-01-01", "priced_on = ", "it is not TOML"),
        ('name = "Mine"', 'name = "Mine"\naliases = ["mine"]', "the name 'mine' is given twice"),
        ("[[gpu]]", "", "the price catalogue 'x.toml'"),
    ],
)
def test_a_wrong_entry_is_named(old: str, new: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        parse_catalogue(ONE.replace(old, new, 1), "x.toml")
    assert caught.value.details["field"] == "price_catalogue"


def test_a_missing_chosen_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read: No such file"):
        load_catalogue(tmp_path, str(tmp_path / "gone.toml"))
