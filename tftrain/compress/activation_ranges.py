"""Ranges of activations in quantization-aware training: how they begin, and as replicas end them.

tfmot lets each range begin at -6 to 6 and move by a thousandth of the way in each step: after a
short training it is still nearer to its beginning than to the activations, and what lies outside is
cut off. Here the ranges begin at what the activations of some examples need.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tftrain import litert
from tftrain.keras_api import tf

_STEP = 0.001  # of tfmot's moving averages
_LAYERS_IN_A_ROW = 100  # each may have been cut off by the one before
_SETTLED = 0.02
_NARROWEST = 1e-3  # of an activation that is always zero
_NAMES = re.compile(r"(pre_activation|post_activation|output|quantize_layer\w*)_(min|max)")


def begin_ranges(wrapped: Any, inputs: dict[str, np.ndarray]) -> None:
    """Sets the ranges to what examples need, under the strategy that is open.

    How far a moving average goes tells where it is going.

    Args:
        wrapped: What tfmot has made of a model, not trained yet.
        inputs: Examples, by the names of inputs.
    """
    strategy = tf.distribute.get_strategy()
    flat = [tf.constant(inputs[name]) for name in litert.signature.read(wrapped).tensors]
    batch = tf.nest.pack_sequence_as(wrapped._nested_inputs, flat)

    @tf.function
    def look() -> None:
        strategy.run(lambda: wrapped(batch, training=True))

    ranges = _ranges(wrapped, of_inputs=False)
    others = [one for one in wrapped.weights if not any(one is found for found, _ in ranges)]
    kept = [variable.numpy() for variable in others]
    for _ in range(_LAYERS_IN_A_ROW):
        before = _values(ranges)
        look()
        needed = before + (_values(ranges) - before) / _STEP
        for (variable, end), value in zip(ranges, needed, strict=True):
            variable.assign(min(value, 0.0) if end == "min" else max(value, _NARROWEST))
        if np.allclose(_values(ranges), before, rtol=_SETTLED, atol=_SETTLED):
            break
    for variable, value in zip(others, kept, strict=True):
        variable.assign(value)  # such as what BatchNormalization has seen


def share_ranges(wrapped: Any) -> None:
    """Widens the ranges of each replica to those of all, under the strategy that is open.

    tfmot lets each replica keep the range of inputs that it has seen: two workers would convert
    different models.
    """
    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:
        return
    for end, reduced in (("min", np.min), ("max", np.max)):
        variables = [one for one, its_end in _ranges(wrapped, of_inputs=True) if its_end == end]
        values = reduced(_of_replicas(strategy, variables), axis=0)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def _of_replicas(strategy: Any, variables: list[Any]) -> np.ndarray:
    """Values of single numbers in each replica, `[replicas, variables]`."""

    @tf.function
    def gathered() -> Any:
        def in_replica() -> Any:
            values = tf.stack([tf.identity(variable) for variable in variables])
            return tf.distribute.get_replica_context().all_gather(values[None], axis=0)

        return strategy.run(in_replica)

    return strategy.experimental_local_results(gathered())[0].numpy()


def _ranges(wrapped: Any, *, of_inputs: bool) -> list[tuple[Any, str]]:
    """Variables of the ranges of activations, each with the end that it is: "min" or "max"."""
    found = []
    for variable in wrapped.weights:
        match = _NAMES.fullmatch(variable.name.split(":")[0].split("/")[-1])
        if match and (of_inputs or not match[1].startswith("quantize_layer")):
            found.append((variable, match[2]))
    return found


def _values(ranges: list[tuple[Any, str]]) -> np.ndarray:
    return np.array([variable.numpy() for variable, _ in ranges])
