"""Clipping of gradients, as a function of gradients and variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import tf

_SMALLEST_WEIGHTS = 1e-3  # so that units that begin at zero can leave it


@dataclasses.dataclass(frozen=True)
class Clipping:
    """A limit on gradients.

    - `value`: every entry is cut to [-limit, limit].
    - `norm`: the gradient of each variable is scaled to at most this norm.
    - `global_norm`: all gradients are scaled together to at most this norm
      (Pascanu, Mikolov and Bengio 2013).
    - `adaptive`: the gradient of each unit is scaled to at most this share of its weights' norm,
      which is taken as 0.001 or more (Brock et al. 2021). A unit is the last axis of a kernel;
      what has one axis is one unit.

    Attributes:
        by: One of the names above.
        limit: Positive.

    Raises:
        UnknownName: There is no such way to clip.
        BadInput: The limit is not positive.
    """

    by: str
    limit: float

    def __post_init__(self) -> None:
        if self.by not in _WAYS:
            raise UnknownName("clipping", self.by, _WAYS)
        if not 0 < self.limit < float("inf"):
            raise BadInput(f"limit of clipping by {self.by} is {self.limit}; expected more than 0")

    @classmethod
    def parse(cls, text: str) -> Clipping:
        """Reads `BY:LIMIT`.

        Raises:
            BadInput: It is not of this form.

        Example:
            >>> Clipping.parse("global_norm:1")
            Clipping(by='global_norm', limit=1.0)
        """
        by, _, number = text.partition(":")
        try:
            limit = float(number)
        except ValueError as error:
            raise BadInput(
                f"clip {text!r}: expected {'|'.join(_WAYS)}, a colon and a positive limit, "
                "as global_norm:1"
            ) from error
        return cls(by, limit)

    def clip(self, gradients: Sequence[Any], variables: Sequence[Any]) -> tuple[list[Any], Any]:
        """Clips.

        Args:
            gradients: Tensors or `tf.IndexedSlices`, none of them None.
            variables: What they are the gradients of, of the same shapes.

        Returns:
            The clipped gradients, and the share of their entries that changed, a float32 scalar.
        """
        gradients = [_summed(gradient) for gradient in gradients]
        values = [_values(gradient) for gradient in gradients]
        clipped = _WAYS[self.by](values, list(variables), self.limit)
        whole = [
            _with_values(gradient, value)
            for gradient, value in zip(gradients, clipped, strict=True)
        ]
        return whole, _changed_share(values, clipped)


def global_norm(gradients: Sequence[Any]) -> Any:
    """The Euclidean norm of all entries of all gradients, a float32 scalar."""
    return tf.sqrt(tf.add_n([squared_norm(gradient) for gradient in gradients]))


def squared_norm(gradient: Any) -> Any:
    """The sum of the squares of a gradient's entries, a float32 scalar."""
    return tf.reduce_sum(tf.square(tf.cast(_values(_summed(gradient)), tf.float32)))


def _by_value(values: list[Any], variables: list[Any], limit: float) -> list[Any]:
    return [tf.clip_by_value(value, -limit, limit) for value in values]


def _by_norm(values: list[Any], variables: list[Any], limit: float) -> list[Any]:
    return [_scaled_to(value, tf.norm(value), limit) for value in values]


def _by_global_norm(values: list[Any], variables: list[Any], limit: float) -> list[Any]:
    norm = global_norm(values)
    return [_scaled_to(value, norm, limit) for value in values]


def _adaptively(values: list[Any], variables: list[Any], limit: float) -> list[Any]:
    return [
        _by_unit(value, variable, limit) for value, variable in zip(values, variables, strict=True)
    ]


def _by_unit(value: Any, variable: Any, limit: float) -> Any:
    weights = tf.cast(variable, value.dtype)
    if value.shape.rank != weights.shape.rank or value.shape[0] != weights.shape[0]:
        raise BadInput(
            f"adaptive clipping of {variable.path!r}: its gradient has rows of an embedding only; "
            "clip by global_norm"
        )
    allowed = limit * tf.maximum(_unit_norms(weights), _SMALLEST_WEIGHTS)
    return _scaled_to(value, _unit_norms(value), allowed)


def _scaled_to(value: Any, norm: Any, limit: Any) -> Any:
    # A factor, exactly 1 within the limit: what is not clipped keeps its last digit.
    return value * tf.cast(limit / tf.maximum(norm, limit), value.dtype)


def _unit_norms(values: Any) -> Any:
    axes = list(range(max(1, values.shape.rank - 1))) if values.shape.rank else None
    return tf.sqrt(tf.reduce_sum(tf.square(values), axis=axes, keepdims=True))


def _summed(gradient: Any) -> Any:
    """A gradient of rows names each row once, so that norms are right."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, position = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, position, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def _values(gradient: Any) -> Any:
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def _with_values(gradient: Any, values: Any) -> Any:
    if not isinstance(gradient, tf.IndexedSlices):
        return values
    return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)


def _changed_share(before: list[Any], after: list[Any]) -> Any:
    changed = [
        tf.reduce_sum(tf.cast(tf.not_equal(old, new), tf.float32))
        for old, new in zip(before, after, strict=True)
    ]
    entries = tf.add_n([tf.cast(tf.size(old), tf.float32) for old in before])
    return tf.add_n(changed) / entries


_WAYS = {
    "value": _by_value,
    "norm": _by_norm,
    "global_norm": _by_global_norm,
    "adaptive": _adaptively,
}
