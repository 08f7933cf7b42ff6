"""Which axis of the mesh each dimension of a variable is cut over, under `model_parallel`.

A layout of your own is a mapping from regular expressions on variables' paths to axes, as in
`keras.distribution.LayoutMap`. Those here need no names: they go by the kind of variable. What
cannot be cut evenly they leave whole, as they leave what they do not know.

Example:
    >>> layout = {
    ...     "up/kernel": (None, "model"),
    ...     "up/bias": ("model",),
    ...     "down/kernel": ("model", None),
    ... }
"""

from __future__ import annotations

import abc
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tftrain.errors import StrategyError, UnknownName

Axes = tuple[str | None, ...]

_CONVOLUTIONS = (3, 4, 5)  # ranks of kernels
_HEADS = ("query", "key", "value")


class Layout(abc.ABC):
    """Gives each variable the axes that its dimensions are cut over.

    Attributes:
        axis: The mesh's axis that it cuts over, or "" if it names them itself.
    """

    axis = ""

    @abc.abstractmethod
    def axes_of(self, path: str, shape: Sequence[int], mesh: Mapping[str, int]) -> Axes | None:
        """The axes of one variable; None where it is to be whole on each device.

        Args:
            path: The variable's path, such as `mlp/dense/kernel`.
            shape: Of the variable.
            mesh: Sizes of the mesh's axes, by name.

        Raises:
            StrategyError: The layout does not fit the variable.
        """

    def unused(self) -> list[str]:
        """What the layout names and no variable so far has matched."""
        return []


class LayoutRules(Layout):
    """Axes by regular expressions on paths; what matches none is whole on each device.

    Args:
        rules: Regular expressions, each with one axis, or None, for each dimension. An object
            with `axes` (a `keras.distribution.TensorLayout`) will do in place of a tuple.
        mesh: Sizes of the mesh's axes, by name.

    Raises:
        StrategyError: A rule is no regular expression, or names an axis that the mesh lacks.
    """

    def __init__(self, rules: Mapping[str, Any], mesh: Mapping[str, int]) -> None:
        self._rules = {key: _checked(key, axes, mesh) for key, axes in rules.items()}
        self._used: set[str] = set()

    def axes_of(self, path: str, shape: Sequence[int], mesh: Mapping[str, int]) -> Axes | None:
        """See `Layout`."""
        key = self._key_of(path)
        if key is None:
            return None
        self._used.add(key)
        axes = self._rules[key]
        if len(axes) != len(shape):
            raise StrategyError(
                f"layout {key!r} gives {len(axes)} axes, {axes}, but variable {path!r} has shape "
                f"{tuple(shape)}: give one for each dimension, None for those left whole"
            )
        for place, axis in enumerate(axes):
            if axis is not None and shape[place] % mesh[axis]:
                raise StrategyError(
                    f"layout {key!r} cuts dimension {place} of variable {path!r}, shape "
                    f"{tuple(shape)}, over axis {axis!r} of size {mesh[axis]}, and {shape[place]} "
                    f"is no multiple of {mesh[axis]}: make the dimension one, cut another "
                    "dimension, or leave this variable out of the layout"
                )
        return axes

    def unused(self) -> list[str]:
        """See `Layout`."""
        return [key for key in self._rules if key not in self._used]

    def _key_of(self, path: str) -> str | None:
        if path in self._rules:
            return path
        keys = [key for key in self._rules if re.search(key, path)]
        if len(keys) > 1:
            raise StrategyError(
                f"variable {path!r} matches several keys of the layout, {keys}: let one match, "
                "e.g. by a longer part of the path"
            )
        return keys[0] if keys else None


class ByKind(Layout):
    """Axes by the kinds of variables, told by their names and ranks.

    Args:
        kinds: Those that are cut, of `dense`, `convolution`, `embedding`, `attention`.
        axis: The mesh's axis that they are cut over.
    """

    def __init__(self, kinds: Sequence[str], axis: str = "model") -> None:
        self.axis = axis
        self._kinds = tuple(kinds)
        self._cut: dict[str, Axes] = {}  # kernels, by the path of their layer
        self._columns = 0  # of the last dense kernel, if they are cut

    def axes_of(self, path: str, shape: Sequence[int], mesh: Mapping[str, int]) -> Axes | None:
        """See `Layout`."""
        layer, _, name = path.rpartition("/")
        if name == "bias":
            return self._of_bias(layer, shape, mesh)
        for cut in self._of_kernel(layer, name, tuple(shape), mesh[self.axis]):
            self._cut[layer] = axes = _one(len(shape), cut, self.axis)
            return axes
        return None

    def _of_kernel(self, layer: str, name: str, shape: tuple[int, ...], over: int) -> Iterator[int]:
        """The dimension to be cut, if one is."""
        own, rank = layer.rpartition("/")[2], len(shape)
        candidates: tuple[int, ...] = ()
        if name == "embeddings" and "embedding" in self._kinds:
            candidates = (0,)
        elif name == "kernel" and rank == 3 and own in _HEADS:
            candidates = (1,) if "attention" in self._kinds else ()
        elif name == "kernel" and rank == 3 and own == "attention_output":
            candidates = (0,) if "attention" in self._kinds else ()
        elif name == "kernel" and rank == 2 and "dense" in self._kinds:
            candidates = self._of_dense(shape, over)
        elif name == "kernel" and rank in _CONVOLUTIONS and "convolution" in self._kinds:
            candidates = (rank - 1,)
        yield from (place for place in candidates if shape[place] % over == 0)

    def _of_dense(self, shape: tuple[int, ...], over: int) -> tuple[int, ...]:
        """Rows after columns: what one layer gives each device is what the next needs there."""
        follows = self._columns == shape[0]
        self._columns = 0 if follows or shape[1] % over else shape[1]
        return (0,) if follows else (1,)

    def _of_bias(self, layer: str, shape: Sequence[int], mesh: Mapping[str, int]) -> Axes | None:
        """As the outputs of the layer's kernel."""
        kernel = self._cut.get(layer)
        if kernel is None or kernel[-len(shape) :].count(self.axis) != 1:
            return None
        if layer.rpartition("/")[2] == "attention_output":
            return None
        axes = kernel[-len(shape) :]
        size = shape[axes.index(self.axis)]
        return axes if size % mesh[self.axis] == 0 else None


def mlp(axis: str = "model") -> Layout:
    """Dense kernels by columns and by rows in turn, so that each pair needs one exchange.

    Args:
        axis: The mesh's axis that they are cut over.

    Reference: Shoeybi et al., "Megatron-LM", 2019.
    """
    return ByKind(("dense",), axis)


def cnn(axis: str = "model") -> Layout:
    """Kernels of convolutions by output channels, and those of dense layers as by `mlp`."""
    return ByKind(("convolution", "dense"), axis)


def embedding(axis: str = "model") -> Layout:
    """Tables of embeddings by their vocabulary, and kernels of dense layers as by `mlp`."""
    return ByKind(("embedding", "dense"), axis)


def attention(axis: str = "model") -> Layout:
    """Kernels of `MultiHeadAttention` by heads, and those of dense layers as by `mlp`."""
    return ByKind(("attention", "dense"), axis)


def auto(axis: str = "model") -> Layout:
    """All that the others cut."""
    return ByKind(("dense", "convolution", "embedding", "attention"), axis)


READY_MADE = {"auto": auto, "mlp": mlp, "cnn": cnn, "embedding": embedding, "attention": attention}


def check_name(name: str) -> None:
    """Raises UnknownName if there is no ready-made layout of this name."""
    if name not in READY_MADE:
        raise UnknownName("layout", name, tuple(READY_MADE))


def resolve(layout: Any, mesh: Mapping[str, int]) -> Layout:
    """The layout meant by a name, a mapping or a layout.

    Raises:
        UnknownName: There is no ready-made layout of that name.
        StrategyError: It names an axis that the mesh lacks, or is nothing of the kind.
    """
    if isinstance(layout, str):
        check_name(layout)
        layout = READY_MADE[layout]()
    if isinstance(layout, Mapping):
        return LayoutRules(layout, mesh)
    if not isinstance(layout, Layout):
        raise StrategyError(
            f"layout is {layout!r}; expected a mapping from regular expressions to axes, or one "
            f"of {', '.join(READY_MADE)}"
        )
    if layout.axis and layout.axis not in mesh:
        raise StrategyError(_missing(f"a layout over axis {layout.axis!r}", mesh))
    return layout


def _checked(key: str, axes: Any, mesh: Mapping[str, int]) -> Axes:
    try:
        re.compile(key)
    except (re.error, TypeError) as error:
        raise StrategyError(f"layout key {key!r} is no regular expression: {error}") from None
    axes = getattr(axes, "axes", axes)
    if isinstance(axes, str) or not isinstance(axes, Sequence):
        raise StrategyError(
            f"layout {key!r} is {axes!r}; expected an axis, or None, for each dimension, as "
            "(None, 'model')"
        )
    named = [axis for axis in axes if axis is not None]
    for axis in named:
        if axis not in mesh:
            raise StrategyError(_missing(f"layout {key!r} cuts over axis {axis!r}", mesh))
    if len(set(named)) < len(named):
        raise StrategyError(f"layout {key!r} cuts two dimensions over one axis: {tuple(axes)}")
    return tuple(axes)


def _missing(what: str, mesh: Mapping[str, int]) -> str:
    return f"{what}, and the mesh has {', '.join(map(repr, mesh))} only: name one of these"


def _one(rank: int, place: int, axis: str) -> Axes:
    return tuple(axis if each == place else None for each in range(rank))
