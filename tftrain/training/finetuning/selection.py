"""Which layers are meant: by name, by number, or by share of the depth."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from tftrain.errors import BadInput, suggestion
from tftrain.training.finetuning.layers import NamedLayer

Selection = str | int | float | Sequence[str] | None
_FORMS = "expected names or patterns, a number of layers, or a share between 0 and 1"


def parse(text: str) -> Selection:
    """A selection as the command line writes it: `3`, `-1`, `0.5` or `conv*+dense`.

    Example:
        >>> parse("3"), parse("0.5"), parse("conv*+dense")
        (3, 0.5, ['conv*', 'dense'])
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return [name.strip() for name in text.split("+")]


def check(selection: Selection, what: str) -> None:
    """Checks what can be known without a model.

    Raises:
        BadInput: It is of no form that selects layers.
    """
    if isinstance(selection, bool) or not isinstance(selection, (str, int, float, Sequence)):
        raise BadInput(f"{what} is {selection!r}; {_FORMS}")
    if isinstance(selection, float) and not 0 <= selection <= 1:
        raise BadInput(f"{what} is {selection}; {_FORMS}")
    if isinstance(selection, Sequence):
        names = [selection] if isinstance(selection, str) else list(selection)
        if not names or not all(isinstance(name, str) and name for name in names):
            raise BadInput(f"{what} is {selection!r}; {_FORMS}")


def select(
    selection: Selection, layers: Sequence[NamedLayer], what: str, *, from_output: bool = False
) -> list[NamedLayer]:
    """The layers meant.

    Args:
        selection: Names or patterns (`conv*`), of layers or of models around them; or how many of
            them (less than 0: all but so many), or what share, counted by depth.
        layers: All there are.
        what: Its name in errors.
        from_output: Whether depth is counted from the output.

    Raises:
        BadInput: It selects layers that do not exist, or is no selection.
    """
    check(selection, what)
    if isinstance(selection, (int, float)):
        return _by_depth(selection, layers, what, from_output)
    names = [selection] if isinstance(selection, str) else selection
    return [each for name in names for each in _by_name(name, layers, what)]


def _by_depth(
    number: float, layers: Sequence[NamedLayer], what: str, from_output: bool
) -> list[NamedLayer]:
    count = layers[-1].depth + 1
    if isinstance(number, float):
        number = round(number * count)
    elif abs(number) > count:
        raise BadInput(f"{what} is {number}, but the model has {count} layers with weights")
    number = count + number if number < 0 else number
    if from_output:
        return [each for each in layers if each.depth >= count - number]
    return [each for each in layers if each.depth < number]


def _by_name(pattern: str, layers: Sequence[NamedLayer], what: str) -> list[NamedLayer]:
    found = [each for each in layers if _matches(each.name, pattern)]
    if not found:
        names = [each.name for each in layers]
        raise BadInput(
            f"{what}: no layer with weights is called {pattern!r};{suggestion(pattern, names)} "
            f"known: {', '.join(names)}"
        )
    return found


def _matches(name: str, pattern: str) -> bool:
    """A layer answers to its whole name, its own part of it, and those of models around it."""
    parts = name.split("/")
    whole = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(fnmatch.fnmatchcase(each, pattern) for each in (*whole, *parts))
