"""Prices come from tables on this machine, and what is not in one is not known."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.models import ModelInfo, Usage
from notebook_agents.pricing.genai import GenaiPriceList

USAGE = Usage(input_tokens=1_000_000, output_tokens=100_000)
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("id", "provider"),
    [
        ("gpt-4o-mini", "openai"),
        ("openai/gpt-4o-mini", "openai"),
        ("openai:gpt-4o-mini", "openai"),
    ],
)
async def test_a_model_of_a_provider_has_its_price(id: str, provider: str) -> None:
    model = ModelInfo(id=id, name=id, provider=provider)
    assert await GenaiPriceList().price_usd(model, USAGE, AT) == Decimal("0.21")


@pytest.mark.parametrize(
    ("id", "provider"), [("gpt-4o-mini-of-mine", "openai"), ("gpt-4o-mini", "nobody")]
)
async def test_what_is_in_no_table_has_none(id: str, provider: str) -> None:
    model = ModelInfo(id=id, name=id, provider=provider)
    assert await GenaiPriceList().price_usd(model, USAGE, AT) is None


async def test_the_product_has_the_list_and_its_own_models_have_no_price(tmp_path: Path) -> None:
    core = build_core(BuildConfig(home=tmp_path))
    paid = ModelInfo(id="gpt-4o-mini", name="x", provider="openai")
    assert (await core.prices.priced(paid, USAGE)).cost_usd == 0.21
    for model in await core.models.list():
        assert (await core.prices.priced(model, USAGE)).cost_usd is None
    await core.aclose()
