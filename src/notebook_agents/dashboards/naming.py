"""What filters offer: names for ids, told apart where several have the same name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SHORT_CHARS = 8
"""Of an id, at least, where it tells two of the same name apart."""


def labelled(
    values: Iterable[str], names: Mapping[str, str], owners: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """(label, value) of each, in the order of labels; ``owners`` are names of whose they are."""
    labels = {value: names.get(value, value) for value in values}
    for label in {*labels.values()}:
        same = [value for value, each in labels.items() if each == label]
        if len(same) > 1:
            labels |= _told_apart(label, same, owners or {})
    return sorted((label, value) for value, label in labels.items())


def _told_apart(label: str, values: list[str], owners: Mapping[str, str]) -> dict[str, str]:
    """By whose they are, where each is of somebody else, else by the beginnings of their ids."""
    told = [owners.get(value, "") for value in values]
    if not all(told) or len({*told}) < len(values):
        longest = max(map(len, values))
        n_chars = next(
            n for n in range(SHORT_CHARS, max(longest, SHORT_CHARS) + 1)
            if n >= longest or len({value[:n] for value in values}) == len(values)
        )  # fmt: skip
        told = [value[:n_chars] for value in values]
    return {value: f"{label} ({mark})" for value, mark in zip(values, told, strict=True)}
