"""Gradients summed in 16 bits: half the bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tftrain.keras_api import tf
from tftrain.optim.codecs.codec import Codec, Level, Shape, Tensors, Updates
from tftrain.optim.codecs.replica_state import ReplicaState
from tftrain.optim.codecs.wires import Wires

LARGEST_FP16 = 65504.0


class Bf16(Codec):
    """bfloat16: float32's range with 8 bits of precision, summed by one all-reduce.

    Rounding errs by a part of the value, so it needs no error feedback.
    """

    def exchange(
        self, compressed: Tensors, whole: Tensors, wires: Wires, level: Level
    ) -> tuple[dict[int, Any], Updates]:
        """Sums all in bfloat16 but `whole`, which goes in float32."""
        halves = {index: tf.cast(grad, tf.bfloat16) for index, grad in compressed.items()}
        sums = {index: tf.cast(total, tf.float32) for index, total in wires.sum(halves).items()}
        return {**sums, **wires.sum(whole)}, []

    def payload_bytes(self, shape: Shape, level: Level) -> int:
        """Two bytes an element."""
        return 2 * math.prod(shape)


class Fp16(Bf16):
    """float16: 11 bits of precision, but only the range from 6e-8 to 65504.

    What is too large is cut off before sending, so that no sum overflows, and what is too small
    vanishes; both are kept and added to the next step's gradient (error feedback).
    """

    def build(self, shapes: Mapping[int, Shape], state: ReplicaState) -> None:
        """A residual for each compressed gradient."""
        self._residuals = {
            index: state.owed(f"residual_{index}", shape)
            for index, shape in shapes.items()
            if self.compresses(shape)
        }

    def exchange(
        self, compressed: Tensors, whole: Tensors, wires: Wires, level: Level
    ) -> tuple[dict[int, Any], Updates]:
        """Sums all in float16 but `whole`, which goes in float32."""
        limit = LARGEST_FP16 / wires.replicas
        halves, updates = {}, []
        for index, grad in compressed.items():
            wanted = grad + self._residuals[index].value
            halves[index] = tf.cast(tf.clip_by_value(wanted, -limit, limit), tf.float16)
            sent = tf.cast(halves[index], tf.float32)
            updates.append((self._residuals[index], wanted - sent))
        sums = {index: tf.cast(total, tf.float32) for index, total in wires.sum(halves).items()}
        return {**sums, **wires.sum(whole)}, updates
