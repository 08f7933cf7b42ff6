"""The structure in which a model takes inputs or gives outputs, with names for tensors.

A structure is a name, or `{"list": [...]}`, `{"tuple": [...]}`, `{"dict": {...}}` of structures,
so that it can be written down as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tftrain.errors import BadInput

Structure = Any


def named(tensors: Any, names: Iterable[str]) -> Structure:
    """The structure of nested tensors.

    Args:
        tensors: Tensors in lists, tuples and dicts.
        names: Of the tensors, in flat order (dicts by their sorted keys). In a dict the key
            counts instead.

    Returns:
        The structure, its names made unique and fit for a signature.

    Example:
        >>> named([0, {"b": 1, "a": 2}], ["x", "y", "z"])
        {'list': ['x', {'dict': {'a': 'a', 'b': 'b'}}]}
    """
    return _named(tensors, iter(names), None, set())


def _named(tensors: Any, names: Iterator[str], key: str | None, taken: set[str]) -> Structure:
    if isinstance(tensors, Mapping):
        within = {k: f"{key}_{k}" if key else str(k) for k in sorted(tensors)}
        return {"dict": {k: _named(tensors[k], names, within[k], taken) for k in within}}
    if isinstance(tensors, (list, tuple)):
        kind = "list" if isinstance(tensors, list) else "tuple"
        return {kind: [_named(part, names, None, taken) for part in tensors]}
    name = next(names)
    return _unique(re.sub(r"\W", "_", key or name), taken)


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    taken.add(candidate)
    return candidate


def names(structure: Structure) -> list[str]:
    """The names in a structure, in flat order."""
    if isinstance(structure, str):
        return [structure]
    (parts,) = structure.values()
    inner = parts.values() if isinstance(parts, dict) else parts
    return [name for part in inner for name in names(part)]


def by_name(structure: Structure, values: Any) -> dict[str, Any]:
    """The values under the names of a structure.

    Args:
        structure: Of one or more names.
        values: Nested as the structure; or a dict by names; a single value may come bare, or in
            a list.

    Raises:
        BadInput: They are nested otherwise.

    Example:
        >>> by_name({"list": ["x", "y"]}, [1, 2])
        {'x': 1, 'y': 2}
    """
    wanted = names(structure)
    if isinstance(values, Mapping) and set(values) == set(wanted):
        return {name: values[name] for name in wanted}
    if len(wanted) == 1:
        return {wanted[0]: _single(values, structure)}
    return dict(_pairs(structure, values, structure))


def _single(values: Any, structure: Structure) -> Any:
    while isinstance(values, (Mapping, list, tuple)):
        if isinstance(values, Mapping) or len(values) != 1 or not hasattr(values[0], "shape"):
            break
        values = values[0]
    if isinstance(values, Mapping):
        raise _mismatch(structure, values)
    return values


def _pairs(structure: Structure, values: Any, whole: Structure) -> Iterator[tuple[str, Any]]:
    if isinstance(structure, str):
        yield structure, values
        return
    ((kind, parts),) = structure.items()
    if kind == "dict":
        if not isinstance(values, Mapping) or set(values) != set(parts):
            raise _mismatch(whole, values)
        together = [(parts[key], values[key]) for key in parts]
    else:
        if not isinstance(values, (list, tuple)) or len(values) != len(parts):
            raise _mismatch(whole, values)
        together = list(zip(parts, values, strict=True))
    for part, value in together:
        yield from _pairs(part, value, whole)


def _mismatch(structure: Structure, values: Any) -> BadInput:
    if isinstance(values, Mapping):
        received = f"a dict of {', '.join(map(repr, values))}"
    elif isinstance(values, (list, tuple)):
        received = f"a {type(values).__name__} of {len(values)}"
    else:
        received = f"one {type(values).__name__}"
    return BadInput(f"inputs are {received}; expected {described(structure)}")


def described(structure: Structure) -> str:
    """A structure in words."""
    if isinstance(structure, str):
        return repr(structure)
    ((kind, parts),) = structure.items()
    if kind == "dict":
        return "{" + ", ".join(f"{key!r}: ..." for key in parts) + "}"
    left, right = "[]" if kind == "list" else "()"
    return left + ", ".join(map(described, parts)) + right


def nested(structure: Structure, values: Mapping[str, Any]) -> Any:
    """Values by name, in the structure: the reverse of `by_name`.

    Example:
        >>> nested({"dict": {"a": "a", "b": "b_1"}}, {"a": 1, "b_1": 2})
        {'a': 1, 'b': 2}
    """
    if isinstance(structure, str):
        return values[structure]
    ((kind, parts),) = structure.items()
    if kind == "dict":
        return {key: nested(part, values) for key, part in parts.items()}
    together = [nested(part, values) for part in parts]
    return together if kind == "list" else tuple(together)
