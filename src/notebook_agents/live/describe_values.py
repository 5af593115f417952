"""Everything else: texts, numbers, containers, and objects by their attributes."""

from __future__ import annotations

import collections
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from notebook_agents.core.masking import MASK, is_secret_name
from notebook_agents.live.describe_classes import (
    class_dict,
    class_name,
    classes_of,
    instance_dict,
    is_a,
    library_of,
)
from notebook_agents.live.describe_words import MORE, Look, counted

MAX_TYPED = 100
"""Elements whose types are looked at."""
MAX_SHOWN = 8
MAX_ATTRIBUTES = 10
MAX_LONG_CHARS = 2_000
MAX_KINDS = 4
_SEQUENCES = (list, tuple, set, frozenset, collections.deque)
_SCALARS = (str, int, float, bool, type(None))


def base_container(value: object) -> Any:
    """The container of Python's that a value is or is derived from."""
    for kind in classes_of(value):
        if kind in _SEQUENCES or kind is dict:
            return kind
    return None


def is_container(value: object) -> bool:
    """Whether it holds elements in the manner of a list, set or dictionary."""
    return base_container(value) is not None


def container_head(value: Any, look: Look) -> str:
    """``list of 3 int``, ``dict of 2 keys: name str, age int``."""
    base = base_container(value)
    assert base is not None
    name = class_name(type(value))
    n = length(value)
    if base is dict:
        first = list(islice(dict.items(value), MAX_SHOWN))
        shown = [f"{look.label(key)} {_brief(key, item, look)}" for key, item in first]
        more = [MORE] if n > len(shown) else []
        keys = f": {', '.join([*shown, *more])}" if shown else ""
        return f"{name} of {counted(n, 'key')}{keys}"
    elements = list(islice(base.__iter__(value), MAX_TYPED))
    if not elements:
        return f"{name}, empty"
    if len(elements) == n <= MAX_SHOWN and all(type(e) in _SCALARS for e in elements):
        return f"{name} of {n:,}: {', '.join(look.cell(element) for element in elements)}"
    return f"{name} of {n:,}: {_kinds(elements)}"


def container_more(value: Any, look: Look) -> Iterator[str]:
    """The first elements, with one look into those that are containers too."""
    base = base_container(value)
    assert base is not None
    n_shown = MAX_SHOWN * (4 if look.is_thorough else 1)
    if base is dict:
        skipped = 0 if look.is_thorough else MAX_SHOWN
        for key, item in islice(dict.items(value), skipped, n_shown):
            yield f"{look.label(key)}: {_element(key, item, look)}"
    else:
        elements = list(islice(base.__iter__(value), n_shown))
        if all(type(e) in _SCALARS for e in elements):
            if length(value) > MAX_SHOWN or look.is_thorough:
                yield f"first: {', '.join(look.cell(element) for element in elements)}"
            return
        for place, element in enumerate(elements[: n_shown // 2]):
            yield f"[{place}]: {_element('', element, look)}"
    rest = length(value) - n_shown
    if look.is_thorough and rest > 0:
        yield f"{MORE} {rest:,} more"


def length(value: Any) -> int:
    """How many elements a container has, whatever its class says."""
    base = base_container(value)
    return int(base.__len__(value))


def head(value: Any, look: Look) -> str:
    """``int 3``, ``str of 1,200 characters: 'Once…'``, or the class and its attributes."""
    kind = type(value)
    if kind is str:
        if len(value) <= 60:
            return f"str {look.quoted(value)}"
        return f"str of {len(value):,} characters: {look.quoted(value)}"
    if kind in (bytes, bytearray):
        return f"{class_name(kind)} of {counted(len(value), 'byte')}"
    if kind in (int, float, bool, complex):
        return f"{class_name(kind)} {look.cell(value)}"
    if value is None:
        return "None"
    written = look.cell(value, 100)
    if not written.startswith("<"):
        return f"{class_name(kind)} {written}"
    return _object_head(value, look)


def more(value: Any, look: Look) -> Iterator[str]:
    """The beginning of a long text; the attributes of an object."""
    if type(value) is str:
        if len(value) > 60 and look.is_thorough:
            yield look.text(value, MAX_LONG_CHARS)
        return
    attributes = _public(value)
    n_shown = len(attributes) if look.is_thorough else 0
    for name, attribute in islice(attributes.items(), n_shown):
        yield f"{look.label(name)}: {_element(name, attribute, look)}"
    if look.is_thorough:
        methods = _methods(value)
        if methods:
            yield f"methods: {', '.join(methods)}"


def _object_head(value: Any, look: Look) -> str:
    kind = type(value)
    if is_a(value, "enum", "Enum"):
        return f"{class_name(kind)}.{look.label(instance_dict(value).get('_name_'))}"
    library = library_of(kind)
    origin = f" of {library}" if library not in {"", "__main__", "builtins"} else ""
    attributes = _public(value)
    shown = [
        f"{look.label(name)} {_brief(name, attribute, look)}"
        for name, attribute in islice(attributes.items(), MAX_ATTRIBUTES)
    ]
    if len(attributes) > MAX_ATTRIBUTES:
        shown.append(MORE)
    attributed = f" with {', '.join(shown)}" if shown else ""
    return f"{class_name(kind)} object{origin}{attributed}"


def _public(value: Any) -> dict[str, Any]:
    return {
        name: attribute
        for name, attribute in list(instance_dict(value).items())
        if type(name) is str and not name.startswith("_")
    }


def _methods(value: Any) -> list[str]:
    return [
        name
        for name, member in class_dict(type(value)).items()
        if not name.startswith("_") and hasattr(type(member), "__get__")
    ][: 2 * MAX_ATTRIBUTES]


def _brief(name: object, value: Any, look: Look) -> str:
    """A scalar as it is, of everything else the kind."""
    if type(name) is str and is_secret_name(name):
        return MASK
    return look.cell(value, 24) if type(value) in _SCALARS else _kind(value)


def _element(name: object, value: Any, look: Look) -> str:
    from notebook_agents.live.describe import head_of

    if type(name) is str and is_secret_name(name):
        return MASK
    return head_of(value, look)


def _kind(value: Any) -> str:
    name = class_name(type(value))
    return f"{name}[{length(value):,}]" if is_container(value) else name


def _kinds(elements: list[Any]) -> str:
    counts = Counter(map(_kind_only, elements)).most_common()
    names = [name for name, _ in counts[:MAX_KINDS]]
    return ", ".join([*names, MORE] if len(counts) > MAX_KINDS else names)


def _kind_only(value: Any) -> str:
    return class_name(type(value))
