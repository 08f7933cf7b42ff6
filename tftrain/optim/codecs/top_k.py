"""Only the largest elements of each gradient, with their positions.

Lin, Han, Mao, Wang, Dally: Deep Gradient Compression: Reducing the Communication Bandwidth for
Distributed Training, ICLR 2018: local accumulation, momentum correction, momentum factor masking,
warm-up of the sparsity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tftrain.errors import BadInput
from tftrain.keras_api import keras, tf
from tftrain.optim.codecs.codec import BYTES_OF_FLOAT, Codec, Level, Shape, Tensors, Updates
from tftrain.optim.codecs.largest import largest
from tftrain.optim.codecs.replica_state import ReplicaState
from tftrain.optim.codecs.wires import Wires

DEFAULT_FRACTION = 0.01
FIRST_FRACTION = 0.25  # of the warm-up of the sparsity; each level sends a quarter of the last


class TopK(Codec):
    """Each replica sends a fraction of its gradient's elements, the rest waits for later steps.

    What is not sent accumulates until it is among the largest. With plain momentum in the
    optimizer the accumulated gradients would enter it late and all at once, so the momentum of an
    SGD optimizer is applied here instead, before the selection, and the optimizer's own is set to
    zero. Other optimizers keep theirs.

    Args:
        fraction: Of the elements of a gradient, above 0 to 1.
        momentum: From 0 to below 1; by default that of the optimizer, if it is SGD without
            gradient accumulation, else 0.
        ramp_steps: Over so many steps the fraction falls from a quarter, level by level, to what
            was asked for.
        error_feedback: False drops what is not sent: to see what the accumulation is for.
    """

    def __init__(
        self,
        fraction: float = DEFAULT_FRACTION,
        momentum: float | None = None,
        ramp_steps: int = 0,
        *,
        error_feedback: bool = True,
    ) -> None:
        if not 0 < fraction <= 1:
            raise BadInput(f"the fraction of top-k is {fraction}; expected above 0, at most 1")
        if momentum is not None and not 0 <= momentum < 1:
            raise BadInput(f"the momentum of top-k is {momentum}; expected 0 to below 1")
        if ramp_steps < 0:
            raise BadInput(f"ramp_steps is {ramp_steps}; expected 0 or more")
        self.fraction = fraction
        self.momentum = momentum
        self._nesterov = False
        self._ramp_steps = ramp_steps
        self._feedback = error_feedback

    @property
    def levels(self) -> list[Level]:
        """Fractions a quarter of the one before, in equal parts of the ramp."""
        fractions = []
        while self._ramp_steps and FIRST_FRACTION ** (len(fractions) + 1) > self.fraction:
            fractions.append(FIRST_FRACTION ** (len(fractions) + 1))
        each = math.ceil(self._ramp_steps / max(1, len(fractions)))
        return [*(Level(each, fraction) for fraction in fractions), Level(None, self.fraction)]

    @property
    def wants_dense(self) -> bool:
        """With momentum all of an embedding's rows move at every step."""
        return bool(self.momentum)

    def adopt(self, optimizer: Any, variables: Sequence[Any]) -> None:
        """Takes over the momentum of SGD."""
        takes_over = (
            self.momentum is None
            and type(optimizer) is keras.optimizers.SGD
            and not optimizer.gradient_accumulation_steps
            and all(variable.dtype == "float32" for variable in variables)
        )
        if takes_over:
            self._nesterov = optimizer.nesterov
            self.momentum, optimizer.momentum = optimizer.momentum, 0.0
        self.momentum = self.momentum or 0.0

    def build(self, shapes: Mapping[int, Shape], state: ReplicaState) -> None:
        """What waits, of each compressed gradient, and the momentum, of every one."""
        self._waiting = {
            index: state.owed(f"waiting_{index}", shape)
            for index, shape in shapes.items()
            if self._feedback and self.compresses(shape)
        }
        self._velocities = {
            index: state.owed(f"velocity_{index}", shape)
            for index, shape in shapes.items()
            if self.momentum
        }

    def exchange(
        self, compressed: Tensors, whole: Tensors, wires: Wires, level: Level
    ) -> tuple[dict[int, Any], Updates]:
        """One all-gather of positions, values and `whole`."""
        moved, velocities = self._with_momentum({**compressed, **whole})
        updates = [(self._velocities[i], velocities[i]) for i in whole if i in velocities]
        positions, values = [], []
        for index in compressed:
            chosen, chosen_values, changed = self._chosen(index, moved, velocities, level)
            positions.append(chosen)
            values.append(chosen_values)
            updates += changed
        parcels = wires.gather([*positions, *values, *(moved[index] for index in whole)])
        sums = {
            index: _scattered(parcels, number, len(positions), grad.shape)
            for number, (index, grad) in enumerate(compressed.items())
        }
        others = zip(*(parcel[2 * len(positions) :] for parcel in parcels), strict=True)
        return {**sums, **dict(zip(whole, map(tf.add_n, others), strict=True))}, updates

    def exchange_whole(self, tensors: Tensors, wires: Wires) -> tuple[dict[int, Any], Updates]:
        """Sums gradients, with momentum, unchanged."""
        moved, velocities = self._with_momentum(tensors)
        updates = [(self._velocities[index], value) for index, value in velocities.items()]
        return wires.sum(moved), updates

    def _with_momentum(self, grads: Tensors) -> tuple[dict[int, Any], dict[int, Any]]:
        """What would move the weights, and the new velocities, in this replica."""
        velocities = {
            index: self.momentum * self._velocities[index].value + grad
            for index, grad in grads.items()
            if index in self._velocities
        }
        ahead = {
            index: grads[index] + self.momentum * velocity if self._nesterov else velocity
            for index, velocity in velocities.items()
        }
        return {**grads, **ahead}, velocities

    def _chosen(
        self, index: int, moved: Tensors, velocities: Tensors, level: Level
    ) -> tuple[Any, Any, Updates]:
        """Positions and values to send, and what is left of state."""
        shape = moved[index].shape
        wanted = moved[index] + self._waiting[index].value if self._feedback else moved[index]
        flat = tf.reshape(wanted, [-1])
        positions, counts = largest(tf.abs(flat), kept(tuple(shape), level.setting))
        values = tf.gather(flat, positions) * counts
        changed: Updates = []
        if self._feedback:
            changed.append((self._waiting[index], _without(flat, positions, values, shape)))
        if index in velocities:  # what was sent shall not push on, or it would run ahead
            flat = tf.reshape(velocities[index], [-1])
            sent = tf.gather(flat, positions) * counts
            changed.append((self._velocities[index], _without(flat, positions, sent, shape)))
        return positions, values, changed

    def payload_bytes(self, shape: Shape, level: Level) -> int:
        """A position and a value an element kept."""
        return 2 * BYTES_OF_FLOAT * kept(shape, level.setting)


def kept(shape: Shape, fraction: float) -> int:
    """How many elements of a gradient are sent."""
    return math.ceil(fraction * math.prod(shape))


def _without(flat: Any, positions: Any, values: Any, shape: Any) -> Any:
    return tf.reshape(tf.tensor_scatter_nd_sub(flat, positions[:, None], values), shape)


def _scattered(parcels: list[list[Any]], number: int, compressed: int, shape: Any) -> Any:
    """The sum of what all replicas sent; one after the other, so that all round alike."""
    total = tf.zeros([shape.num_elements()])
    for parcel in parcels:
        positions, values = parcel[number], parcel[compressed + number]
        total = tf.tensor_scatter_nd_add(total, positions[:, None], values)
    return tf.reshape(total, shape)
