"""Models: estimators of scikit-learn and what is built like them, and networks of torch.

Both are classes of the notebook more often than not. Their parameters stand in the dictionaries of
their instances, where they are read without calling a method.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from notebook_agents.live.describe_classes import (
    class_dict,
    class_name,
    classes_of,
    instance_dict,
    is_a,
    library_of,
)
from notebook_agents.live.describe_code import parameters_of
from notebook_agents.live.describe_words import Look, counted, listed, number

MAX_MODULES = 20_000
MAX_CHILDREN = 12
MAX_PARAMETERS = 30
MAX_FITTED = 12


def is_estimator(value: object) -> bool:
    """Whether it is an estimator or transformer in the manner of scikit-learn."""
    return is_a(value, "sklearn.base", "BaseEstimator")


def is_network(value: object) -> bool:
    """Whether it is a module of torch."""
    return is_a(value, "torch.nn", "Module")


def estimator_head(value: Any, look: Look) -> str:
    """``LogisticRegression (sklearn model), fitted, C=0.5``."""
    state = "fitted" if is_fitted(value) else "not fitted"
    changed = [
        f"{name}={_parameter(name, given, look)}"
        for name, given, default in estimator_parameters(value)
        if not _is_same(given, default)
    ]
    library = library_of(type(value))
    kind = f"{class_name(type(value))} ({library} model)"
    return ", ".join([kind, state, *changed[:8]])


def estimator_more(value: Any, look: Look) -> Iterator[str]:
    """All parameters, and what it has learned."""
    parameters = [
        f"{name}={_parameter(name, given, look)}"
        for name, given, _default in estimator_parameters(value)
    ]
    if parameters:
        yield f"parameters: {listed(parameters, len(parameters), MAX_PARAMETERS)}"
    attributes = instance_dict(value)
    fitted = [name for name in attributes if _is_learned(name)]
    if fitted:
        texts = (f"{name} {_learned(attributes[name], look)}" for name in fitted)
        yield f"learned: {listed(texts, len(fitted), MAX_FITTED)}"
    if look.is_thorough and (doc := _first_line(value)):
        yield look.text(doc)


def estimator_parameters(value: Any) -> list[tuple[str, Any, Any]]:
    """Name, value and default of what it was made with."""
    attributes = instance_dict(value)
    for kind in classes_of(value):
        made = class_dict(kind).get("__init__")
        if made is not None:
            return [
                (name, attributes[name], default)
                for name, default in parameters_of(made)
                if name in attributes
            ]
    return []


def is_fitted(value: Any) -> bool:
    """Whether it has learned something: scikit-learn's names for that end with an underscore."""
    attributes = instance_dict(value)
    if any(_is_learned(name) for name in attributes):
        return True
    steps = attributes.get("steps")
    if type(steps) is list and steps:
        last = steps[-1]
        return (
            type(last) is tuple and len(last) == 2 and is_estimator(last[1]) and is_fitted(last[1])
        )
    return attributes.get("_Booster") is not None


def network_head(value: Any, _look: Look) -> str:
    """``Net (torch network), 1,234 parameters, cpu, float32, training``."""
    found = list(network_parameters(value))
    n_all = sum(parameter.numel() for parameter in found)
    n_fixed = sum(p.numel() for p in found if not p.requires_grad)
    facts = [f"{class_name(type(value))} (torch network)", counted(n_all, "parameter")]
    if n_fixed:
        facts.append(f"{n_fixed:,} of them frozen")
    facts += sorted({str(parameter.device) for parameter in found})
    facts += sorted({str(parameter.dtype).removeprefix("torch.") for parameter in found})
    facts.append("training" if instance_dict(value).get("training") else "evaluating")
    return ", ".join(facts)


def network_more(value: Any, look: Look) -> Iterator[str]:
    """Its parts."""
    attributes = instance_dict(value)
    children = [(name, part) for name, part in _parts(attributes).items() if part is not None]
    if children:
        texts = (f"{look.label(name)} {_layer(part, look)}" for name, part in children)
        limit = MAX_CHILDREN * (4 if look.is_thorough else 1)
        yield f"parts: {listed(texts, len(children), limit)}"
    if look.is_thorough:
        kinds = Counter(class_name(type(part)) for part in modules_of(value))
        yield "layers: " + ", ".join(f"{n:,} {kind}" for kind, n in kinds.most_common(20))


def network_parameters(value: Any) -> Iterator[Any]:
    """Each parameter once, also those that parts share."""
    seen: set[int] = set()
    for module in modules_of(value):
        own = instance_dict(module).get("_parameters")
        for parameter in own.values() if type(own) is dict else ():
            if is_a(parameter, "torch", "Tensor") and id(parameter) not in seen:
                seen.add(id(parameter))
                yield parameter


def modules_of(value: Any) -> Iterator[Any]:
    """A network and all its parts, each once."""
    waiting, seen = [value], {id(value)}
    while waiting and len(seen) <= MAX_MODULES:
        module = waiting.pop()
        yield module
        for part in _parts(instance_dict(module)).values():
            if part is not None and is_network(part) and id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)


def _parts(attributes: dict[str, Any]) -> dict[str, Any]:
    parts = attributes.get("_modules")
    return parts if type(parts) is dict else {}


def _layer(module: Any, look: Look) -> str:
    """``Linear(in_features=4, out_features=2)``."""
    attributes = instance_dict(module)
    sizes = [
        f"{name}={number(value)}"
        for name, value in islice(attributes.items(), 40)
        if type(value) is int and not name.startswith("_")
    ]
    parts = _parts(attributes)
    inner = ", ".join(sizes[:4]) or (counted(len(parts), "part") if parts else "")
    return look.text(f"{class_name(type(module))}({inner})")


def _parameter(name: str, value: Any, look: Look) -> str:
    if is_estimator(value):
        return class_name(type(value))
    if type(value) is list and all(type(step) is tuple and len(step) == 2 for step in value):
        return "[" + ", ".join(f"{look.label(n)}: {class_name(type(s))}" for n, s in value) + "]"
    return look.named_cell(name, value)


def _learned(value: Any, look: Look) -> str:
    if is_a(value, "numpy", "ndarray") and library_of(type(value)) == "numpy":
        return f"shape {value.shape}" if value.size > 4 else look.text(str(value.tolist()))
    return look.cell(value)


def _is_learned(name: str) -> bool:
    return type(name) is str and name.endswith("_") and not name.startswith("_")


def _is_same(value: Any, default: Any) -> bool:
    plain = (str, int, float, bool, type(None))
    return value is default or (
        type(value) in plain and type(default) in plain and value == default
    )


def _first_line(value: Any) -> str:
    doc = class_dict(type(value)).get("__doc__")
    return doc.strip().partition("\n")[0] if type(doc) is str else ""
