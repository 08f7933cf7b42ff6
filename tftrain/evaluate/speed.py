"""How fast a model answers, trains and starts, and what share of the machine that is."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from tftrain import latency, resources
from tftrain.errors import EvaluationError
from tftrain.evaluate import inference, speed_tables, training_steps
from tftrain.evaluate.call_speed import timed
from tftrain.evaluate.inference import InferenceSpeed
from tftrain.evaluate.peak import Product
from tftrain.evaluate.startup import Startup, startup
from tftrain.evaluate.training_steps import TrainingSpeed
from tftrain.keras_api import keras, quiet_logger, tf

_FORWARD = 1 / 3  # of a training step's operations, as `flops_per_example` estimates them
_STEP, _PRODUCT = ("train", 0), ("product", 0)


@dataclasses.dataclass(frozen=True)
class Speed:
    """A model's speed on this machine.

    Attributes:
        inference: A row a size of the batch.
        training: Of a training step; None without training data.
        startup: From the start of a process to its first answer; None without a model file.
        peak_memory_bytes: Largest resident memory of that process, which has answered a batch of
            the largest size; None without a model file.
        flops_per_example: Floating-point operations of a training step for an example, a third
            of which the forward pass takes; None if they cannot be counted.
        peak_flops: Operations a second that this machine was measured to do at best.
        utilization: Share of that which training attains; None if it is not known.
    """

    inference: tuple[InferenceSpeed, ...]
    training: TrainingSpeed | None
    startup: Startup | None
    peak_memory_bytes: int | None
    flops_per_example: float | None
    peak_flops: float
    utilization: float | None

    def __str__(self) -> str:
        return speed_tables.text(self)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return dataclasses.asdict(self)


def speed(
    model: keras.Model,
    x: Any,
    *,
    train: tuple[Any, Any] | None = None,
    batches: Sequence[int] = (1, 32, 256),
    rounds: int = 10,
    seconds: float = 0.05,
    model_file: str | os.PathLike[str] | None = None,
    peak_flops: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Speed:
    """Measures all that the arguments allow; the model is afterwards what it was.

    Answers are timed as those of the compiled forward pass, from NumPy to NumPy, and beside it of
    `model.predict`; training by `model.train_on_batch`. All of them have turns in rounds, so that
    what else the machine does falls on all alike. Calls that trace and allocate are made before.
    Outliers stay in the percentiles, which are about them, and do not move the median, from which
    throughput is.

    Args:
        model: Built; compiled, if training is to be timed.
        x: Inputs `[N, ...]`, an array or a structure of arrays as the model takes them, from which
            batches are made; repeated if there are too few.
        train: Inputs and targets of one training batch.
        batches: Sizes of batches to be answered.
        rounds: Turns that each program has.
        seconds: Length of a turn; it has at least three calls.
        model_file: The model as a file, for a process that is started to load it.
        peak_flops: Operations a second at best; None measures them, by products of matrices that
            have turns too, and as `tftrain.resources.peak_flops` does: the larger counts.
        clock: Gives the time in seconds.

    Raises:
        EvaluationError: No examples, wrong sizes, or a model that cannot be trained.
        StartupFailed: The new process could not load the model.

    Example:
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> ticks = iter(range(10_000))
        >>> found = speed(model, np.ones((8, 4), "float32"), batches=[8], rounds=1, seconds=1,
        ...               peak_flops=1e9, clock=lambda: next(ticks))
        >>> found.inference[0].median_ms, found.inference[0].examples_per_second
        (1000.0, 8.0)
        >>> found.flops_per_example  # 3 * 2 * 4 * 2, and 3 * 2 for the bias
        54.0
    """
    _check(model, x, train, batches, rounds)
    sizes = tuple(dict.fromkeys(batches))
    started, memory = None, None
    if model_file is not None:
        started, memory = startup(model_file, inference.rows(x, max(sizes)), clock=clock)
    flops = resources.flops_per_example(model, _specs(x))
    programs = inference.programs(model, x, sizes)
    product = Product(model.compute_dtype, clock)
    if peak_flops is None:
        programs[_PRODUCT] = product
    with contextlib.ExitStack() as kept, quiet_logger():  # Keras traces each size of a batch
        if train is not None:
            kept.enter_context(training_steps.state_kept(model))
            programs[_STEP] = training_steps.step(model, *train)
        taken = latency.measure(programs, rounds=rounds, seconds=seconds, clock=clock)
    best = peak_flops or max(product.flops, resources.peak_flops(model.compute_dtype))

    def utilization(per_second: float, share: float = 1.0) -> float | None:
        return None if flops is None else share * flops * per_second / best

    trained = None
    if train is not None:
        trained = timed(TrainingSpeed, taken[_STEP], _length(train[0]), utilization)
    return Speed(
        inference.speeds(taken, sizes, lambda per_second: utilization(per_second, _FORWARD)),
        trained,
        started,
        memory,
        flops,
        best,
        None if trained is None else trained.utilization,
    )


def problems(batches: Sequence[int], rounds: int) -> list[str]:
    """What is wrong with these settings."""
    found = []
    if not batches or any(batch < 1 for batch in batches):
        listed = ", ".join(map(str, batches)) or "none"
        found.append(f"sizes of batches: {listed}; expected one or more, each at least 1")
    if rounds < 1:
        found.append(f"{rounds} rounds; expected at least 1")
    return found


def _check(
    model: keras.Model,
    x: Any,
    train: tuple[Any, Any] | None,
    batches: Sequence[int],
    rounds: int,
) -> None:
    found = problems(batches, rounds)
    for which, inputs in (("x", x), ("train", None if train is None else train[0])):
        if inputs is not None and _length(inputs) == 0:
            found.append(f"{which} is empty; expected at least one example")
    if found:
        raise EvaluationError(found)
    if train is not None:
        training_steps.check_trainable(model)


def _length(x: Any) -> int:
    return min(len(each) for each in keras.tree.flatten(x))


def _specs(x: Any) -> Any:
    return keras.tree.map_structure(
        lambda each: tf.TensorSpec([None, *each.shape[1:]], each.dtype), x
    )
