"""Forward and backward passes of a batch's micro-batches, as they are traced.

All passes become one graph. Each is placed on its stage's device, and begins when its inputs are
there and the pass that its stage does before it has ended: TensorFlow's executors, one a device,
then run the stages side by side.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from tftrain.distribute.keras_bridge.micro_batch_dropout import micro_batch_rows
from tftrain.distribute.pipeline import refusals
from tftrain.distribute.pipeline.orders import FORWARD, Work
from tftrain.distribute.pipeline.stages import Stage, Values
from tftrain.keras_api import tf


class Passes:
    """The passes of one batch.

    Args:
        stages: The stages of the model.
        values: For each micro-batch the model's inputs by key; grows as stages compute.
        begins: The first row of each micro-batch.
        training: As for Keras's layers; whether passes are recorded to go back through them.
        clock: Notes when passes begin and end, if given.

    Attributes:
        values: See above.
        gradients: The sum so far of each weight's gradient, by the weight's id.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        values: list[Values],
        begins: Sequence[Any],
        training: bool,
        clock: Any = None,
    ) -> None:
        self.values, self.gradients = values, {}
        self._stages, self._begins, self._training = stages, begins, training
        self._clock = clock
        self._seeds: dict[Any, Any] = {}  # drawn for the first micro-batch, for all
        self._upstream: list[dict[Any, list[Any]]] = [collections.defaultdict(list) for _ in values]
        self._recorded: dict[Work, tuple[tf.GradientTape, Values]] = {}
        self._before: list[list[Any]] = [[] for _ in stages]
        self._trained = _made_by_trained(stages)

    def forward(self, work: Work) -> None:
        """Computes a stage's layers for a micro-batch."""
        stage, values = self._stages[work.stage], self.values[work.micro_batch]
        with self._turn(work, [values[key] for key in stage.takes]) as done:
            with tf.GradientTape() if self._training else contextlib.nullcontext() as tape:
                for key in self._sources(stage, values):
                    if tape is not None:
                        tape.watch(values[key])
                begin = self._begins[work.micro_batch]
                with micro_batch_rows(work.micro_batch, begin, self._seeds):
                    made = stage.run(values, self._training)
            done += made.values()
        refusals.added_losses(stage)
        values.update(made)
        if tape is not None:
            self._recorded[work] = tape, made

    def backward(self, work: Work, head: Any = None) -> None:
        """Goes back through what a stage has computed for a micro-batch.

        Args:
            work: Which.
            head: Called first, as part of the same work; may `send` gradients.
        """
        stage, values = self._stages[work.stage], self.values[work.micro_batch]
        upstream = self._upstream[work.micro_batch]
        tape, made = self._recorded.pop(work._replace(direction=FORWARD))
        arrived = [gradient for key in made for gradient in upstream[key]]
        needs = [*made.values()] if head else arrived
        with self._turn(work, needs) as done:
            if head:
                head()
            keys, weights = self._sources(stage, values), stage.trainable_weights
            gradients = tape.gradient(
                *_with_gradients(made, upstream, [*weights, *(values[key] for key in keys)])
            )
            self.add(weights, gradients[: len(weights)])
            for key, gradient in zip(keys, gradients[len(weights) :], strict=True):
                if gradient is not None:
                    upstream[key].append(tf.convert_to_tensor(gradient))
                    done.append(upstream[key][-1])
            done += [self.gradients[id(w)] for w in weights if id(w) in self.gradients]

    def send(self, micro_batch: int, gradients: Values) -> None:
        """Adds gradients of a micro-batch's tensors, by key."""
        for key, gradient in gradients.items():
            self._upstream[micro_batch][key].append(gradient)

    def add(self, weights: Sequence[Any], gradients: Sequence[Any]) -> None:
        """Adds to the sums of weights' gradients."""
        for weight, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                known = self.gradients.get(id(weight))
                self.gradients[id(weight)] = gradient if known is None else _sum(known, gradient)

    def _sources(self, stage: Stage, values: Values) -> list[Any]:
        """What a stage takes that has a gradient somebody needs."""
        return [k for k in stage.takes if k in self._trained and values[k].dtype.is_floating]

    @contextlib.contextmanager
    def _turn(self, work: Work, needs: Sequence[Any]) -> Iterator[list[Any]]:
        """Places a pass on its stage's device, after the stage's pass before; gives its ends."""
        before = self._before[work.stage]
        with tf.device(self._stages[work.stage].device):
            if self._clock:
                before = [self._clock.begin(work, [*before, *_operands(needs)])]
            done: list[Any] = []
            with tf.control_dependencies(before):
                yield done
            with tf.control_dependencies(_operands(done)):
                end = self._clock.end(work) if self._clock else tf.no_op()
        self._before[work.stage] = [end]


def _made_by_trained(stages: Sequence[Stage]) -> set[Any]:
    """Keys of what is made by the first stage with trainable weights, or by a later one."""
    made: set[Any] = set()
    trained = False
    for stage in stages:
        trained = trained or bool(stage.trainable_weights)
        if trained:
            made |= stage.gives
    return made


def _with_gradients(made: Values, upstream: dict[Any, list[Any]], sources: list[Any]) -> tuple:
    """The arguments of `tape.gradient`: what has gradients, by what, and these."""
    keys = [key for key in made if upstream[key]]
    return [made[key] for key in keys], sources, [tf.add_n(upstream[key]) for key in keys]


def _sum(first: Any, second: Any) -> Any:
    """Slices stay slices: Keras's optimizers square the gradients of embeddings row by row."""
    if isinstance(first, tf.IndexedSlices) and isinstance(second, tf.IndexedSlices):
        return tf.IndexedSlices(
            tf.concat([first.values, second.values], axis=0),
            tf.concat([first.indices, second.indices], axis=0),
            first.dense_shape,
        )
    return tf.convert_to_tensor(first) + tf.convert_to_tensor(second)


def _operands(values: Any) -> list[Any]:
    return tf.nest.flatten(values, expand_composites=True)
