"""Weights carried from one model into another, by name and shape, with a table of what was done."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from tftrain.errors import FineTuningError
from tftrain.keras_api import keras
from tftrain.training.finetuning.layers import leaves, own_weights
from tftrain.training.finetuning.sources import model_of

NEW = "the layer is new"


@dataclasses.dataclass(frozen=True)
class Carried:
    """What became of one array of weights.

    Attributes:
        name: Of its layer and its own: `dense/kernel`.
        shape: In the target; in the source if the target has none.
        loaded: Whether the target has the source's values now.
        reason: Why not.
    """

    name: str
    shape: tuple[int, ...]
    loaded: bool
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Transfer:
    """A table of what was loaded and what was not; `str` prints it."""

    rows: tuple[Carried, ...]

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the weights that have the source's values."""
        return tuple(row.name for row in self.rows if row.loaded)

    @property
    def skipped(self) -> dict[str, str]:
        """The reason for each of the others."""
        return {row.name: row.reason for row in self.rows if not row.loaded}

    def __str__(self) -> str:
        width = max(len(row.name) for row in self.rows)
        return "\n".join(
            f"{row.name:{width}}  {'x'.join(map(str, row.shape)) or 'number':12}  "
            f"{'loaded' if row.loaded else 'skipped: ' + row.reason}"
            for row in self.rows
        )


def transfer_weights(source: Any, target: keras.Model, *, skip: Collection[str] = ()) -> Transfer:
    """Copies into a model what another one has of the same name and shape.

    Names are those of layers and of their weights. Where a layer lies inside other models in only
    one of the two, as an encoder's does, its own name decides, if that is not given twice.

    Args:
        source: A built model, a run folder or a `.keras` file.
        target: A built model; changed.
        skip: Names of layers of the target to leave as they are.

    Returns:
        The table; of the source too, where it has weights that the target has not.

    Raises:
        FineTuningError: Nothing fits; the target is as it was.

    Example:
        >>> from tftrain import models
        >>> table = transfer_weights(models.mlp((4, 4), classes=3), models.mlp((4, 4), classes=2))
        >>> print(table)
        hidden_1/kernel       16x128        loaded
        hidden_1/bias         128           loaded
        probabilities/kernel  128x2         skipped: it is 128x3 in the source
        probabilities/bias    2             skipped: it is 3 in the source
    """
    there, here = _weights(model_of(source)), _weights(target)
    pairs = _pairs(here, there)
    rows = [_row(name, here[name], there.get(pairs.get(name, "")), skip) for name in here]
    if not any(row.loaded for row in rows):
        raise FineTuningError([_nothing_fits(rows, there)])
    for row in rows:
        if row.loaded:
            here[row.name].assign(there[pairs[row.name]].numpy())
    for _, layer in leaves(target):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with constants made of its weights
    left = [
        Carried(name, tuple(v.shape), False, "the target has no such weights")
        for name, v in there.items()
        if name not in pairs.values()
    ]
    return Transfer((*rows, *left))


def _weights(model: keras.Model) -> dict[str, Any]:
    """Variables by the name of their layer, models around it included, and their own."""
    found = {variable.name: variable for variable in own_weights(model)}
    for name, layer in leaves(model):
        for variable in layer.weights:
            own = variable.path.rpartition(f"{layer.name}/")[2]
            found.setdefault(f"{name}/{own}", variable)
    return found


def _pairs(here: dict[str, Any], there: dict[str, Any]) -> dict[str, str]:
    """The name in the source by the name in the target."""
    exact = {name: name for name in here if name in there}
    ours, theirs = _endings(set(here) - set(exact)), _endings(set(there) - set(exact))
    for ending in ours.keys() & theirs.keys():
        exact[ours[ending]] = theirs[ending]
    return exact


def _endings(names: Collection[str]) -> dict[str, str]:
    """Each name by each part of it that no other one ends with."""
    ends = [(end, name) for name in names for end in _ends_of(name)]
    times = Counter(end for end, _ in ends)
    return {end: name for end, name in ends if times[end] == 1}


def _ends_of(name: str) -> Iterator[str]:
    parts = name.split("/")
    for begin in range(len(parts) - 1):
        yield "/".join(parts[begin:])


def _row(name: str, ours: Any, theirs: Any, skip: Collection[str]) -> Carried:
    shape, reason = tuple(ours.shape), ""
    if any(name.startswith(f"{layer}/") for layer in skip):
        reason = NEW
    elif theirs is None:
        reason = "the source has no such weights"
    elif tuple(theirs.shape) != shape:
        reason = f"it is {'x'.join(map(str, theirs.shape)) or 'a number'} in the source"
    return Carried(name, shape, not reason, reason)


def _nothing_fits(rows: list[Carried], there: dict[str, Any]) -> str:
    first = rows[0] if rows else None
    ours = f"{first.name} {first.shape}: {first.reason}" if first else "the target has no weights"
    some = ", ".join(list(there)[:4])
    return (
        f"none of the source's weights fits ({ours}); the source has {some}"
        f"{', ...' if len(there) > 4 else ''}: expected layers of the same names and shapes"
    )
