"""Measures when each pass of a batch begins and ends, inside the traced step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tftrain.distribute.pipeline.micro_batches import MicroBatches
from tftrain.distribute.pipeline.orders import Work
from tftrain.distribute.pipeline.schedules import Pass, Schedule
from tftrain.keras_api import keras, tf


class Clock:
    """Timestamps among a step's operations, in Unix seconds."""

    def __init__(self) -> None:
        self.begins: dict[Work, Any] = {}
        self.ends: dict[Work, Any] = {}

    def begin(self, work: Work, needs: Sequence[Any]) -> Any:
        """Notes the time when all that a pass needs is there; the pass is to come after it."""
        with tf.control_dependencies(needs):
            self.begins[work] = _timestamp()
        return self.begins[work]

    def end(self, work: Work) -> Any:
        """Notes the time; called within control dependencies of what the pass gives."""
        self.ends[work] = _timestamp()
        return self.ends[work]


def _timestamp() -> Any:
    """The time; TensorFlow would else put all that ask for it in the order of their tracing."""
    time = tf.timestamp()
    tf.compat.v1.get_default_graph().experimental_acd_manager.run_independently(time.op)
    return time


def measure(pipeline: Any, x: Any, y: Any, sample_weight: Any, repeats: int) -> Schedule:
    """Takes steps of one batch without the optimizer's part; all variables stay as they are.

    Args:
        pipeline: A model's, compiled.
        x: The batch's inputs, arrays or tensors.
        y: Its targets.
        sample_weight: Its weights or None.
        repeats: Steps measured, after two that are not.

    Returns:
        The one of the median duration.
    """
    strategy = pipeline.strategy
    data = keras.tree.map_structure(_tensor, (x, y, sample_weight))

    @tf.function(autograph=False)
    def step(x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        clock = Clock()
        batch = MicroBatches(x, strategy.micro_batches)
        loss, passes = pipeline.differentiate(batch, x, (y, sample_weight), clock)
        works.extend(clock.begins)
        begins, ends = ([times[work] for work in works] for times in (clock.begins, clock.ends))
        # What nobody asks for is not computed, whatever waits for it.
        return tf.stack(begins), tf.stack(ends), [loss, *passes.gradients.values()]

    works: list[Work] = []
    changed = [*pipeline.model.non_trainable_variables, *pipeline.model.metrics_variables]
    kept = [variable.numpy() for variable in changed]
    with strategy.scope():
        times = [[moments.numpy() for moments in step(*data)[:2]] for _ in range(repeats + 2)][2:]
    for variable, value in zip(changed, kept, strict=True):
        variable.assign(value)
    found = [_schedule(strategy, works, begins, ends) for begins, ends in times]
    return sorted(found, key=lambda schedule: schedule.seconds)[len(found) // 2]


def _tensor(leaf: Any) -> Any:
    return None if leaf is None else tf.convert_to_tensor(leaf)


def _schedule(strategy: Any, works: list[Work], begins: Any, ends: Any) -> Schedule:
    first = begins.min()
    passes = tuple(
        Pass(work, float(begin - first), float(end - first))
        for work, begin, end in zip(works, begins, ends, strict=True)
    )
    return Schedule(strategy.order, len(strategy.devices), strategy.micro_batches, passes)
