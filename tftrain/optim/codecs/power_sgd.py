"""Gradients of matrices as products of two thin ones.

Vogels, Karimireddy, Jaggi: PowerSGD: Practical Low-Rank Gradient Compression for Distributed
Optimization, NeurIPS 2019, algorithms 1 and 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tftrain.errors import BadInput
from tftrain.keras_api import tf
from tftrain.optim.codecs.codec import BYTES_OF_FLOAT, Codec, Level, Shape, Tensors, Updates
from tftrain.optim.codecs.replica_state import ReplicaState
from tftrain.optim.codecs.wires import Wires

DEFAULT_RANK = 4


class PowerSGD(Codec):
    """The best approximation of a low rank, by one step of the power method a training step.

    A gradient of more than two axes is taken as a matrix with the last axis as columns. The sum
    over replicas of M is approximated by P̂ Qᵀ, where P = M Q of the previous step's Q, P̂ is P
    orthogonalized, and Q = Mᵀ P̂: two small all-reduces a step, each for all matrices together.
    What the approximation leaves out is added to the next step's gradient.

    Args:
        rank: Columns of P and Q, 1 or more. Gradients that would not become smaller, vectors
            among them, are sent whole.
        seed: Of the first Q.
        error_feedback: False drops what is left out: to see what the feedback is for.
    """

    def __init__(
        self, rank: int = DEFAULT_RANK, seed: int = 0, *, error_feedback: bool = True
    ) -> None:
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            raise BadInput(f"PowerSGD's rank is {rank!r}; expected an integer of 1 or more")
        self.rank = rank
        self._seed = seed
        self._feedback = error_feedback

    def compresses(self, shape: Shape) -> bool:
        """Whether P and Q together are smaller than the matrix."""
        rows, columns = as_matrix(shape)
        return super().compresses(shape) and self.rank * (rows + columns) < rows * columns

    def build(self, shapes: Mapping[int, Shape], state: ReplicaState) -> None:
        """A residual and a Q for each compressed gradient."""
        self._check_rank(shapes)
        self._residuals, self._factors, self._starts = {}, {}, {}
        for index, shape in shapes.items():
            if not self.compresses(shape):
                continue
            rows, columns = as_matrix(shape)
            random = np.random.default_rng([self._seed, index])
            self._starts[index] = random.standard_normal((columns, self.rank)).astype(np.float32)
            self._factors[index] = state.agreed(f"factor_{index}", self._starts[index])
            if self._feedback:
                self._residuals[index] = state.owed(f"residual_{index}", (rows, columns))

    def _check_rank(self, shapes: Mapping[int, Shape]) -> None:
        largest = max((min(as_matrix(shape)) for shape in shapes.values()), default=0)
        if self.rank > largest:
            raise BadInput(
                f"PowerSGD's rank is {self.rank}, but no gradient of this model has a rank above "
                f"{largest}: expected {largest} or less, e.g. powersgd:{min(4, largest)}"
            )

    def exchange(
        self, compressed: Tensors, whole: Tensors, wires: Wires, level: Level
    ) -> tuple[dict[int, Any], Updates]:
        """An all-reduce of all P and `whole`, and one of all Q."""
        matrices = {index: self._matrix(index, grad) for index, grad in compressed.items()}
        left = {("P", i): matrix @ self._factors[i].value for i, matrix in matrices.items()}
        summed = wires.sum({**left, **whole})
        bases = {index: orthogonalized(summed.pop(("P", index))) for index in matrices}
        right = {
            index: tf.matmul(matrix, bases[index], transpose_a=True)
            for index, matrix in matrices.items()
        }
        factors = wires.sum(right)
        for index, grad in compressed.items():
            product = tf.matmul(bases[index], factors[index], transpose_b=True)
            summed[index] = tf.reshape(product, grad.shape)
        return summed, self._updates(matrices, bases, right, factors)

    def _matrix(self, index: int, grad: Any) -> Any:
        matrix = tf.reshape(grad, as_matrix(tuple(grad.shape)))
        return matrix + self._residuals[index].value if self._feedback else matrix

    def _updates(self, matrices: Tensors, bases: Tensors, mine: Tensors, sums: Tensors) -> Updates:
        updates: Updates = []
        for index, matrix in matrices.items():
            updates.append((self._factors[index], self._restarted(index, sums[index])))
            if self._feedback:
                sent = tf.matmul(bases[index], mine[index], transpose_b=True)
                updates.append((self._residuals[index], matrix - sent))
        return updates

    def _restarted(self, index: int, factor: Any) -> Any:
        """Puts first values into columns of zeros, which would stay zero for ever."""
        alive = tf.reduce_any(factor != 0.0, axis=0, keepdims=True)
        return tf.where(alive, factor, self._starts[index])

    def payload_bytes(self, shape: Shape, level: Level) -> int:
        """P and Q."""
        return BYTES_OF_FLOAT * self.rank * sum(as_matrix(shape))


def as_matrix(shape: Shape) -> tuple[int, int]:
    """Rows and columns of a gradient taken as a matrix: all axes but the last, and the last."""
    return math.prod(shape[:-1]), (shape[-1] if shape else 1)


def orthogonalized(matrix: Any) -> Any:
    """Orthonormal columns that span those of `matrix` (rows, rank), by Householder's QR."""
    return tf.linalg.qr(matrix)[0]
