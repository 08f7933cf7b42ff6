"""Gradients in 8 bits with a scale a tensor: a quarter of the bytes.

Seide, Fu, Droppo, Li, Yu: 1-Bit Stochastic Gradient Descent and its Application to Data-Parallel
Distributed Training of Speech DNNs, Interspeech 2014, for the error feedback.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tftrain.errors import UnknownName
from tftrain.keras_api import tf
from tftrain.optim.codecs.codec import BYTES_OF_FLOAT, Codec, Level, Shape, Tensors, Updates
from tftrain.optim.codecs.replica_state import ReplicaState
from tftrain.optim.codecs.wires import Wires, words

LARGEST = 127.0
ROUNDINGS = ("nearest", "stochastic")


class Int8(Codec):
    """Each replica sends its gradients as integers from -127 to 127 times a scale of its own.

    What rounding loses is added to the next step's gradient. Codes are gathered, not summed, as
    the scales differ: a replica receives those of all others.

    Args:
        rounding: `nearest`, or `stochastic`, whose error is zero on average.
        seed: Of stochastic rounding.
        error_feedback: False drops what rounding loses: to see what the feedback is for.
    """

    def __init__(
        self, rounding: str = "nearest", seed: int = 0, *, error_feedback: bool = True
    ) -> None:
        if rounding not in ROUNDINGS:
            raise UnknownName("rounding", rounding, ROUNDINGS)
        self._stochastic = rounding == "stochastic"
        self._seed = seed
        self._feedback = error_feedback

    def build(self, shapes: Mapping[int, Shape], state: ReplicaState) -> None:
        """A residual for each compressed gradient."""
        self._residuals = {
            index: state.owed(f"residual_{index}", shape)
            for index, shape in shapes.items()
            if self._feedback and self.compresses(shape)
        }

    def exchange(
        self, compressed: Tensors, whole: Tensors, wires: Wires, level: Level
    ) -> tuple[dict[int, Any], Updates]:
        """One all-gather of codes, scales and `whole`."""
        codes, scales, updates = [], [], []
        for index, grad in compressed.items():
            wanted = grad + self._residuals[index].value if self._feedback else grad
            code, scale = self._quantized(wanted, index, wires)
            codes.append(code)
            scales.append(scale)
            if self._feedback:
                updates.append((self._residuals[index], wanted - _decoded(code, scale)))
        parcels = wires.gather([tf.stack(scales), *codes, *whole.values()])
        sums = [_decoded_parcel(parcel, len(codes)) for parcel in parcels]
        totals = [tf.add_n(parts) for parts in zip(*sums, strict=True)]
        return dict(zip([*compressed, *whole], totals, strict=True)), updates

    def _quantized(self, wanted: Any, index: int, wires: Wires) -> tuple[Any, Any]:
        scale = tf.reduce_max(tf.abs(wanted)) / LARGEST
        steps = tf.math.divide_no_nan(wanted, scale)
        if self._stochastic:
            seed = [self._seed + index, tf.cast(wires.step, tf.int32)]
            seed = tf.random.experimental.stateless_fold_in(seed, wires.replica)
            steps = tf.floor(steps + tf.random.stateless_uniform(wanted.shape, seed))
        else:
            steps = tf.round(steps)
        return tf.cast(tf.clip_by_value(steps, -LARGEST, LARGEST), tf.int8), scale

    def payload_bytes(self, shape: Shape, level: Level) -> int:
        """A byte an element, in words of four, and the scale."""
        return 4 * words(math.prod(shape), 1) + BYTES_OF_FLOAT


def _decoded_parcel(parcel: list[Any], codes: int) -> list[Any]:
    scales, others = tf.unstack(parcel[0]), parcel[1 + codes :]
    pairs = zip(parcel[1 : 1 + codes], scales, strict=True)
    return [*(_decoded(code, scale) for code, scale in pairs), *others]


def _decoded(code: Any, scale: Any) -> Any:
    return tf.cast(code, tf.float32) * scale
