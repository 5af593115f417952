"""Variables in words: one head line each, then details for as long as somebody wants more.

Each kind of value has a pair of functions in a file of its own: ``head`` is cheap, ``details`` is a
generator that computes a line when it is asked for the next. No code of the notebook is run, what
a library raises is caught, and looks at many values end when their time is up.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import notebook_agents.live.describe_arrays as arrays
import notebook_agents.live.describe_code as code
import notebook_agents.live.describe_figures as figures
import notebook_agents.live.describe_frames as frames
import notebook_agents.live.describe_models as models
import notebook_agents.live.describe_tables as tables
import notebook_agents.live.describe_values as values
from notebook_agents.live.describe_classes import class_name
from notebook_agents.live.describe_words import Look

Kind = Literal["frame", "array", "model", "figure", "code", "module", "container", "value"]

CANNOT = "cannot be described"
MAX_HEAD_CHARS = 240


@dataclass(frozen=True, slots=True)
class Describer:
    """What is said of one kind of value."""

    kind: Kind
    accepts: Callable[[Any], bool]
    head: Callable[[Any, Look], str]
    details: Callable[[Any, Look], Iterator[str]]


DESCRIBERS: tuple[Describer, ...] = (
    Describer("module", code.is_module, code.module_head, code.nothing),
    Describer("code", code.is_function, code.function_head, code.function_more),
    Describer("code", code.is_class, code.class_head, code.class_more),
    Describer("frame", frames.is_frame, frames.frame_head, frames.frame_more),
    Describer("frame", frames.is_series, frames.series_head, frames.series_more),
    Describer("frame", tables.is_table, tables.head, tables.more),
    Describer("array", arrays.is_array, arrays.array_head, arrays.array_more),
    Describer("array", arrays.is_tensor, arrays.tensor_head, arrays.tensor_more),
    Describer(
        "model",
        models.is_estimator,
        models.estimator_head,
        models.estimator_more,
    ),
    Describer(
        "model",
        models.is_network,
        models.network_head,
        models.network_more,
    ),
    Describer("figure", figures.is_figure, figures.head, figures.more),
    Describer(
        "container",
        values.is_container,
        values.container_head,
        values.container_more,
    ),
    Describer("value", lambda _value: True, values.head, values.more),
)
"""The first that accepts a value describes it."""


def describer_of(value: object) -> Describer:
    """Who describes a value."""
    return next(describer for describer in DESCRIBERS if describer.accepts(value))


def head_of(value: object, look: Look) -> str:
    """One line: what kind of thing it is, and how large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            head = describer_of(value).head(value, look)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - whatever a library makes of a broken value
        head = f"{class_name(type(value))}, {CANNOT}"
    return look.text(head, MAX_HEAD_CHARS)


def details_of(value: object, look: Look) -> Iterator[str]:
    """Further lines, the most telling first, each computed when it is asked for."""
    try:
        lines = describer_of(value).details(value, look)
        while not look.is_over:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                line = next(lines, None)
            if line is None:
                return
            yield line
    except KeyboardInterrupt:
        raise
    except GeneratorExit:
        return
    except BaseException:  # noqa: BLE001 - as above
        yield f"(the rest {CANNOT})"
