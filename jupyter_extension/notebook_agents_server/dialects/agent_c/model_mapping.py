"""From the core's models and personas to Agent C's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from notebook_agents.core.model_rules import (
    MAX_TEMPERATURE,
    MIN_TOKENS,
    OWN_BACKEND,
    VendorModel,
    vendor_model,
)
from notebook_agents_server.dialects.agent_c import model_wire as wire

if TYPE_CHECKING:
    from notebook_agents.core.models import ModelInfo
    from notebook_agents.core.personas import Persona


def models_to_wire(models: Sequence[ModelInfo]) -> wire.ModelsAnswer:
    """Every model that is served here; those of vendors with what their document says."""
    return wire.ModelsAnswer(
        models=[
            _own(model) if (vendor := vendor_model(model.id)) is None else _vendors(vendor)
            for model in models
        ]
    )


def personas_to_wire(personas: Sequence[Persona]) -> wire.PersonasAnswer:
    """All personas."""
    return wire.PersonasAnswer(
        [wire.PersonaAnswer(name=p.name, content=p.content, file=p.file) for p in personas]
    )


def _own(model: ModelInfo) -> wire.ModelAnswer:
    has_eyes = "vision" in model.capabilities
    return wire.ModelAnswer(
        id=model.id,
        label=model.name,
        description=model.description,
        model_type="reasoning" if "reasoning" in model.capabilities else "chat",
        backend=OWN_BACKEND,
        parameters={
            "temperature": _number(None, 0, MAX_TEMPERATURE),
            "max_tokens": _number(None, MIN_TOKENS, model.context_length),
        },
        capabilities=wire.Capabilities(
            supports_tools="tools" in model.capabilities, multi_modal=has_eyes
        ),
        allowed_inputs=wire.AllowedInputs(image=has_eyes, video=False, audio=False, file=True),
    )


def _vendors(model: VendorModel) -> wire.ModelAnswer:
    heat = model.default_temperature
    parameters = {"max_tokens": _number(model.default_tokens, model.min_tokens, model.max_tokens)}
    if heat is not None:
        parameters["temperature"] = _number(heat, 0, model.max_temperature, required=True)
    if model.takes_budget:
        parameters["budget_tokens"] = _number(0, 0, model.max_tokens - 1)
    return wire.ModelAnswer(
        id=model.id,
        label=model.label,
        description=model.description,
        model_type=model.kind,
        backend=model.vendor,
        parameters=parameters,
        capabilities=wire.Capabilities(supports_tools=True, multi_modal=bool(model.inputs)),
        allowed_inputs=wire.AllowedInputs(
            image="image" in model.inputs,
            video=False,
            audio="audio" in model.inputs,
            file=False,
        ),
    )


def _number(
    default: float | None, low: float, high: float | None, *, required: bool = False
) -> wire.ModelParameter:
    return wire.ModelParameter(default=default, min=low, max=high, required=required)
