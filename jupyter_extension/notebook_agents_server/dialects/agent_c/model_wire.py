"""Agent C API Documentation, Models and Personas: bodies."""

from __future__ import annotations

from typing import Literal

from pydantic import RootModel

from notebook_agents_server.bodies import Answer


class ModelParameter(Answer):
    """List Available Models: a number that can be set; null where there is no bound."""

    default: float | None
    min: float
    max: float | None
    required: bool


class Capabilities(Answer):
    """List Available Models: ``capabilities``."""

    supports_tools: bool
    multi_modal: bool


class AllowedInputs(Answer):
    """List Available Models: ``allowed_inputs``."""

    image: bool
    video: bool
    audio: bool
    file: bool


class ModelAnswer(Answer):
    """List Available Models: one model."""

    id: str
    label: str
    description: str
    model_type: Literal["chat", "reasoning"]
    backend: str
    parameters: dict[str, ModelParameter]
    """By the name of the field that sets it."""
    capabilities: Capabilities
    allowed_inputs: AllowedInputs


class ModelsAnswer(Answer):
    """List Available Models: response."""

    models: list[ModelAnswer]


class PersonaAnswer(Answer):
    """List Personas: one persona."""

    name: str
    content: str
    file: str


PersonasAnswer = RootModel[list[PersonaAnswer]]
