"""What every gradient codec is: the sum of the replicas' gradients, with fewer bytes sent."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tftrain.optim.codecs.replica_state import ReplicaState
from tftrain.optim.codecs.wires import Wires

BYTES_OF_FLOAT = 4
SMALL = 1024  # elements; what has fewer is not worth a codec's work

Shape = tuple[int, ...]
Tensors = Mapping[int, Any]  # by the position of the variable among those of the optimizer
Updates = list[tuple[Any, Any]]  # state variables with their new values


@dataclasses.dataclass(frozen=True)
class Level:
    """How strongly a codec compresses during some steps.

    Attributes:
        steps: How many steps; None for the last level, which has no end.
        setting: What the codec needs to know; None where there is one way only.
    """

    steps: int | None = None
    setting: Any = None


class Codec:
    """The base of all codecs, and the codec that changes nothing.

    A codec of your own overrides `compresses`, `build`, `exchange` and `payload_bytes`. Only
    float32 gradients of at least the size that `compresses` accepts reach it as `compressed`;
    `whole` are those that must arrive unchanged. What it keeps between steps are variables that
    `ReplicaState` makes, so that they are saved and restored with the optimizer's.
    """

    @property
    def levels(self) -> Sequence[Level]:
        """The levels passed through, the endless one last."""
        return (Level(),)

    @property
    def wants_dense(self) -> bool:
        """Whether gradients of embeddings (`tf.IndexedSlices`) are made dense for it."""
        return False

    def adopt(self, optimizer: Any, variables: Sequence[Any]) -> None:
        """Changes the optimizer where the method asks for it, before it is built."""

    def compresses(self, shape: Shape) -> bool:
        """Whether a gradient of this shape becomes smaller."""
        return math.prod(shape) >= SMALL

    def build(self, shapes: Mapping[int, Shape], state: ReplicaState) -> None:
        """Makes the state.

        Args:
            shapes: Of all variables that the optimizer updates.
            state: Makes variables, in the scope of the strategy.

        Raises:
            BadInput: No gradient of these shapes can be compressed as asked.
        """

    def exchange(
        self, compressed: Tensors, whole: Tensors, wires: Wires, level: Level
    ) -> tuple[dict[int, Any], Updates]:
        """Sums gradients over replicas; called in every replica.

        Args:
            compressed: This replica's gradients, float32, that may be approximated.
            whole: Those to be summed as they are, float32.
            wires: The collectives.
            level: One of `levels`.

        Returns:
            The sums of all of them, equal to the bit on every replica, and the state's new
            values, which are assigned if all sums are finite.
        """
        return self.exchange_whole({**compressed, **whole}, wires)

    def exchange_whole(self, tensors: Tensors, wires: Wires) -> tuple[dict[int, Any], Updates]:
        """Sums gradients unchanged: the steps of the warm-up."""
        return wires.sum(tensors), []

    def payload_bytes(self, shape: Shape, level: Level) -> int:
        """What one replica contributes to a step for a compressed gradient of this shape."""
        return BYTES_OF_FLOAT * math.prod(shape)
