"""What may be set of a model: its own bounds, and those of well-known models of other vendors.

The vendors' models are known here by name so that a conversation can be set up for one wherever an
engine may offer it later. Their defaults are those of the Agent C API documentation (Model
Validations, List Available Models). A setting that a model does not have is left out of what is
kept and named in `ModelSettings.not_applied`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from notebook_agents.core.errors import InvalidRequest

if TYPE_CHECKING:
    from notebook_agents.core.models import ModelInfo

Effort: TypeAlias = Literal["low", "medium", "high"]
EFFORTS: tuple[Effort, ...] = ("low", "medium", "high")
DEFAULT_EFFORT: Effort = "medium"
OWN_BACKEND = "notebook-agents"
"""Who serves the models that this deployment's engine has."""
MAX_TEMPERATURE = 2.0
MIN_TOKENS = 1
MAX_TOKENS = 8192
THINKING_MAX_TOKENS = 64_000
"""Where tokens to think with were given and no limit of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorModel:
    """A model of another vendor, as its own API has it."""

    id: str
    label: str
    description: str
    vendor: Literal["openai", "claude"]
    kind: Literal["chat", "reasoning"] = "chat"
    default_temperature: float | None = 0.7
    """None where it takes no temperature."""
    max_temperature: float = MAX_TEMPERATURE
    min_tokens: int = MIN_TOKENS
    default_tokens: int = MAX_TOKENS
    max_tokens: int = MAX_TOKENS
    takes_effort: bool = False
    takes_budget: bool = False
    """Whether tokens to think with can be set."""
    inputs: tuple[str, ...] = ("image",)


def _openai(id: str, label: str, **fields: object) -> VendorModel:
    words = f"{label.replace('GPT-4o', 'GPT-4')} OpenAI model for chat interactions."
    return VendorModel(id=id, label=label, description=words, vendor="openai", **fields)  # type: ignore[arg-type]


def _reasoning(id: str) -> VendorModel:
    return VendorModel(
        id=id,
        label=id,
        description=f"{id} OpenAI model that reasons before it answers.",
        vendor="openai",
        kind="reasoning",
        default_temperature=None,
        max_tokens=100_000,
        takes_effort=True,
        inputs=() if "mini" in id else ("image",),
    )


def _claude(id: str, *, thinks: bool) -> VendorModel:
    return VendorModel(
        id=id,
        label=id.removesuffix("-latest").replace("-", " ").title(),
        description=f"{id} Anthropic model for chat interactions.",
        vendor="claude",
        max_temperature=1.0,
        max_tokens=THINKING_MAX_TOKENS if thinks else MAX_TOKENS,
        takes_budget=thinks,
    )


_GPT_4O = {
    "default_temperature": 0.5, "min_tokens": 1000, "default_tokens": 16_384, "max_tokens": 16_384
}  # fmt: skip
VENDOR_MODELS: Mapping[str, VendorModel] = MappingProxyType(
    {
        model.id: model
        for model in (
            _reasoning("o1"),
            _reasoning("o1-mini"),
            _reasoning("o3-mini"),
            _openai("gpt-4o", "GPT-4o", **_GPT_4O),
            _openai("gpt-4o-audio-preview", "GPT-4o audio", **_GPT_4O, inputs=("audio",)),
            _claude("claude-3-5-sonnet-latest", thinks=False),
            _claude("claude-3-7-sonnet-latest", thinks=True),
        )
    }
)
_CLAUDE = "claude-"
_WITHOUT_THOUGHTS = ("claude-2", "claude-3-5", "claude-3-haiku", "claude-3-opus", "claude-3-sonnet")


def vendor_model(id: str) -> VendorModel | None:
    """The vendor's model of that name; any other ``claude-…`` follows the rules of its family."""
    if id in VENDOR_MODELS or not id.startswith(_CLAUDE) or len(id) > 80:
        return VENDOR_MODELS.get(id)
    return _claude(id, thinks=not id.startswith(_WITHOUT_THOUGHTS))


def backend_of(model: str) -> str:
    """Who serves a model: its vendor, or this deployment's engine."""
    vendor = vendor_model(model)
    return vendor.vendor if vendor else OWN_BACKEND


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWish:
    """A model, and what somebody wants to set of it; None is what nobody said."""

    model: str
    backend: str | None = None
    temperature: float | None = None
    reasoning_effort: str | None = None
    budget_tokens: int | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """What a wish comes to."""

    model: str
    backend: str
    temperature: float | None = None
    """None leaves it to the model."""
    reasoning_effort: str | None = None
    budget_tokens: int = 0
    max_tokens: int | None = None
    not_applied: tuple[str, ...] = ()
    """Fields of the wish that this model does not have."""
    wish: ModelWish
    """What was wished; it tells a default from what somebody chose."""

    @property
    def thinks(self) -> bool:
        """Whether there are tokens to think with before the answer."""
        return self.budget_tokens > 0


def settle(wish: ModelWish, served: Sequence[ModelInfo]) -> ModelSettings:
    """What can be set of the wished model, with the defaults of its rules.

    Raises InvalidRequest naming the field: a value out of bounds, or a model nobody knows.
    """
    own = next((model for model in served if model.id == wish.model), None)
    vendor = vendor_model(wish.model)
    if own is None and vendor is None:
        raise _unknown(wish.model, [*(model.id for model in served), *VENDOR_MODELS])
    if vendor is not None:
        return _settle_vendor(wish, vendor)
    assert own is not None, "one of both is there"
    return _settle_own(wish, own)


def _settle_own(wish: ModelWish, model: ModelInfo) -> ModelSettings:
    _check_range("temperature", wish.temperature, 0, MAX_TEMPERATURE)
    _check_range("max_tokens", wish.max_tokens, MIN_TOKENS, None)
    left_out = {
        "backend": wish.backend not in (None, OWN_BACKEND),
        "reasoning_effort": wish.reasoning_effort is not None,
        "budget_tokens": bool(wish.budget_tokens),
    }
    return ModelSettings(
        model=model.id,
        backend=OWN_BACKEND,
        temperature=wish.temperature,
        max_tokens=wish.max_tokens,
        not_applied=_names(left_out),
        wish=wish,
    )


def _settle_vendor(wish: ModelWish, model: VendorModel) -> ModelSettings:
    takes_temperature = model.default_temperature is not None
    if takes_temperature:
        _check_range("temperature", wish.temperature, 0, model.max_temperature)
    budget = wish.budget_tokens if model.takes_budget else None
    default = THINKING_MAX_TOKENS if budget is not None else model.default_tokens
    max_tokens = default if wish.max_tokens is None else wish.max_tokens
    _check_range("max_tokens", max_tokens, MIN_TOKENS, model.max_tokens)
    _check_range("budget_tokens", budget, 0, max_tokens - 1)
    effort = wish.reasoning_effort if wish.reasoning_effort in EFFORTS else DEFAULT_EFFORT
    temperature = model.default_temperature if wish.temperature is None else wish.temperature
    left_out = {
        "backend": wish.backend not in (None, model.vendor),
        "temperature": not takes_temperature and wish.temperature is not None,
        "reasoning_effort": not model.takes_effort and wish.reasoning_effort is not None,
        "budget_tokens": not model.takes_budget and bool(wish.budget_tokens),
    }
    return ModelSettings(
        model=model.id,
        backend=model.vendor,
        temperature=temperature if takes_temperature else None,
        reasoning_effort=effort if model.takes_effort else None,
        budget_tokens=budget or 0,
        max_tokens=max_tokens,
        not_applied=_names(left_out),
        wish=wish,
    )


def _names(left_out: Mapping[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, is_left_out in left_out.items() if is_left_out)


def _check_range(field: str, value: float | None, low: float, high: float | None) -> None:
    if value is not None and (value < low or (high is not None and value > high)):
        bounds = f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"
        raise InvalidRequest(f"{field} must be {bounds}, not {value:g}", field=field)


def _unknown(model: str, known: Sequence[str]) -> InvalidRequest:
    close = difflib.get_close_matches(model, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(dict.fromkeys(known))}"
    return InvalidRequest(
        f"there is no model {model[:80]!r}; {hint}", field="model_name", reason="Model not found"
    )
