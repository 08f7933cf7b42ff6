"""A codec at work in an optimizer: which gradients it gets, when, and what is kept of it."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tftrain.errors import BadInput
from tftrain.keras_api import keras, tf
from tftrain.optim.codecs.codec import BYTES_OF_FLOAT, Codec, Level, Shape
from tftrain.optim.codecs.replica_state import ReplicaState
from tftrain.optim.codecs.wires import Wires
from tftrain.optim.saved_state import SavedState
from tftrain.optim.summing_strategy import sums_gradients

_FLAGS = -1  # the key, among gradients, of what tells replicas of infinities


def attach(optimizer: Any, codec: Codec, warmup_steps: int) -> None:
    """Gives `optimizer` a `gradient_compression`, which the sum over replicas asks for.

    Raises:
        BadInput: It is built already, has a codec, or scales the loss (its inner one can).
        StrategyError: The strategy in scope does not sum gradients over replicas.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise BadInput(
            "a LossScaleOptimizer cannot take a gradient codec: give it to the inner optimizer, "
            "LossScaleOptimizer(compress_gradients(inner, codec))"
        )
    if optimizer.built or hasattr(optimizer, "gradient_compression"):
        state = "built" if optimizer.built else "given a codec"
        raise BadInput(f"the optimizer {optimizer.name!r} is {state} already: make a new one")
    sums_gradients(tf.distribute.get_strategy())
    compression = GradientCompression(optimizer, codec, warmup_steps)
    optimizer.gradient_compression = compression
    build = optimizer.build

    def build_both(variables: Sequence[Any]) -> None:
        if not optimizer.built:
            compression.before_build(variables)
            build(variables)
            compression.build(variables)

    # On the object, not in a class of its own: in a file it is a plain Keras optimizer.
    optimizer.__dict__["build"] = build_both
    optimizer.__dict__["save_own_variables"] = compression.save_plain
    optimizer.__dict__["load_own_variables"] = compression.load_plain


class GradientCompression(SavedState):
    """What `sum_gradients` calls instead of an all-reduce.

    Attributes:
        active: Whether several replicas exchange gradients; known once the optimizer is built.
    """

    def __init__(self, optimizer: Any, codec: Codec, warmup_steps: int) -> None:
        super().__init__(optimizer)
        self._codec = codec
        self._warmup = warmup_steps
        self._apart: set[int] = set()  # variables whose gradients the codec never sees
        self.active = False

    def before_build(self, variables: Sequence[Any]) -> None:
        """Finds out whether there is anything to compress, and lets the codec adapt.

        Raises:
            StrategyError: The replicas do not sum their gradients, or not through tftrain.
        """
        strategy = tf.distribute.get_strategy()
        self.active = sums_gradients(strategy) and strategy.num_replicas_in_sync > 1
        if not self.active:
            warnings.warn(
                "a gradient codec changes nothing with one replica: there is nobody to exchange "
                "gradients with",
                stacklevel=3,
            )
            return
        self._codec.adopt(self._owner(), variables)

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the codec's state and enters it among the optimizer's variables."""
        self._shapes: dict[int, Shape] = {
            index: tuple(variable.shape)
            for index, variable in enumerate(variables)
            if variable.dtype == "float32"
        }
        if not self.active:
            return
        state = ReplicaState()
        self._codec.build(self._shapes, state)
        self.variables = state.variables
        for variable in self.variables:
            self._owner()._track_variable(variable)

    @property
    def _levels(self) -> list[Level | None]:
        """None stands for a step without compression."""
        return [None] * bool(self._warmup) + list(self._codec.levels)

    def _ends(self) -> list[int]:
        """The steps at which a next level begins."""
        lengths = [self._warmup] * bool(self._warmup)
        lengths += [level.steps for level in self._codec.levels if level.steps is not None]
        return list(itertools.accumulate(lengths))

    def bytes_at(self, step: int) -> int:
        """Bytes that each replica contributes to the exchange of a step, counted from 0.

        Without the protocol's headers, and without gradients that are not the codec's: those of
        embeddings, which are known after the first step, and those that are not float32.
        """
        level = self._levels[sum(step >= end for end in self._ends())]
        counted = (shape for index, shape in self._shapes.items() if index not in self._apart)
        exchanges = self._owner().gradient_accumulation_steps or 1
        return exchanges * sum(self._bytes_of(shape, level) for shape in counted)

    def _bytes_of(self, shape: Shape, level: Level | None) -> int:
        if level is None or not self._codec.compresses(shape):
            return BYTES_OF_FLOAT * math.prod(shape)
        return self._codec.payload_bytes(shape, level) + BYTES_OF_FLOAT  # its flag

    def sum(
        self,
        grads: Sequence[Any],
        variables: Sequence[Any],
        gather: Callable[[Any], Any],
        scale: Any = None,
    ) -> list[Any]:
        """Sums a replica's gradients over all replicas; in a replica context.

        Args:
            grads: Tensors or IndexedSlices, none of them None.
            variables: Theirs.
            gather: Gives (replicas, n) for (1, n), in the order of replicas.
            scale: What the loss was multiplied by; the codec's state is kept without it.

        Returns:
            The sums, as tensors or IndexedSlices.
        """
        indices = [self._owner()._get_variable_index(variable) for variable in variables]
        grads = dict(zip(indices, grads, strict=True))
        if self._codec.wants_dense:
            grads = {index: tf.convert_to_tensor(grad) for index, grad in grads.items()}
        dense = {i: grad for i, grad in grads.items() if _is_dense(grad) and i in self._shapes}
        others = {i: grad for i, grad in grads.items() if i not in dense}
        self._apart |= set(others)
        sums = self._sum_others(others)
        if dense:
            unscaled = dense if scale is None else {i: g / scale for i, g in dense.items()}
            mine = self._at_level(unscaled, gather, _all_finite(list(sums.values())))
            sums |= mine if scale is None else {i: total * scale for i, total in mine.items()}
        return [sums[index] for index in indices]

    def _sum_others(self, others: dict[int, Any]) -> dict[int, Any]:
        if not others:
            return {}
        context = tf.distribute.get_replica_context()
        return dict(zip(others, context.all_reduce("SUM", list(others.values())), strict=True))

    def _at_level(self, grads: dict[int, Any], gather: Any, others_fit: Any) -> dict[int, Any]:
        """Takes the branch of the step, for all replicas at once.

        A replica may not decide by itself: its collectives would lie in a condition.
        """
        levels, optimizer = self._levels, self._owner()
        step = tf.convert_to_tensor(optimizer.iterations)

        def at(level: Level | None) -> Callable[..., list[Any]]:
            return lambda fit, *tensors: self._exchange(
                dict(zip(grads, tensors, strict=True)),
                level,
                Wires(gather, optimizer._iterations.value),
                fit,
            )

        args = (others_fit, *grads.values())
        if len(levels) == 1:
            return dict(zip(grads, at(levels[0])(*args), strict=True))

        def on_all(strategy: Any, *args: Any) -> Any:
            reached = tf.reduce_sum(tf.cast(step >= self._ends(), tf.int32))
            run = strategy.extended.call_for_each_replica
            branches = [lambda level=level: run(at(level), args=args) for level in levels]
            return tf.switch_case(reached, branches)

        sums = tf.distribute.get_replica_context().merge_call(on_all, args=args)
        return dict(zip(grads, sums, strict=True))

    def _exchange(
        self, grads: dict[int, Any], level: Level | None, wires: Wires, others_fit: Any
    ) -> list[Any]:
        compressed = {
            index: grad
            for index, grad in grads.items()
            if level is not None and self._codec.compresses(self._shapes[index])
        }
        whole = {index: grad for index, grad in grads.items() if index not in compressed}
        if not compressed:
            sums, updates = self._codec.exchange_whole(whole, wires)
        else:
            flags = tf.stack([_flag(grad) for grad in compressed.values()])
            sums, updates = self._codec.exchange(compressed, {**whole, _FLAGS: flags}, wires, level)
            for index, flag in zip(compressed, tf.unstack(sums.pop(_FLAGS)), strict=True):
                sums[index] += flag
        _assign_if(tf.logical_and(others_fit, _all_finite(list(sums.values()))), updates)
        return [sums[index] for index in grads]


def _is_dense(grad: Any) -> bool:
    return not isinstance(grad, tf.IndexedSlices) and grad.dtype == np.float32


def _flag(grad: Any) -> Any:
    """0, or NaN where an element is infinite or not a number: sums carry it to all replicas."""
    return tf.reduce_sum(grad * 0.0)


def _all_finite(grads: Sequence[Any]) -> Any:
    values = [grad.values if isinstance(grad, tf.IndexedSlices) else grad for grad in grads]
    return tf.reduce_all([True, *(tf.reduce_all(tf.math.is_finite(each)) for each in values)])


def _assign_if(finite: Any, updates: Sequence[tuple[Any, Any]]) -> None:
    """Keeps what a step that overflowed would leave behind out of all later ones."""

    def assign() -> None:
        for variable, value in updates:
            variable.assign(value)

    if updates:
        tf.cond(finite, assign, lambda: None)
