"""How fast this machine is, measured by short programs that are no model of yours."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tftrain.keras_api import keras, tf
from tftrain.planning.machines import Machine

Clock = Callable[[], float]
Scope = Callable[[], AbstractContextManager[Any]]
Timed = Callable[[Callable[[], Any]], float]  # seconds of a program's call

SECONDS = 0.25  # of each measurement of a rate
_LEAST = 5
# What Keras's optimizers write down on the way, by the largest variable: TensorFlow's kernels take
# an Adam step in several operations. Measured by benchmarks/planner.py.
UPDATE_SCRATCH = 2.0
_SIDE = 1024
_CHANNELS, _PICTURE = 32, 16
_NUMBERS = 4_000_000
STEPS = 60  # of each measurement of an overhead
_DEEP, _SHALLOW = 12, 2  # layers of the models that tell what a step and a layer cost


@dataclasses.dataclass(frozen=True)
class Measured:
    """What this process attains on the device that TensorFlow puts operations on.

    Attributes:
        flops: Operations a second in products of matrices `[rows, 1024] x [1024, 1024]`, and in
            the two products of their backward passes.
        convolution_flops: The same of convolutions 3x3 from 32 to 32 channels of 16x16 pictures.
        memory_bandwidth: Bytes a second that adding a vector and clipping at zero read and write.
        update_rate: Bytes a second of weights, gradients and slots in an Adam step of four million
            parameters.
        step_overhead: Seconds of a step of `fit` that neither layers nor rows explain.
        layer_overhead: Seconds that each layer adds to it.
    """

    flops: float
    convolution_flops: float
    memory_bandwidth: float
    update_rate: float
    step_overhead: float
    layer_overhead: float

    def machine(self, base: Machine) -> Machine:
        """A machine with these rates instead of its own.

        Args:
            base: Its devices, memory and links stay.
        """
        rates = dataclasses.asdict(self)
        return dataclasses.replace(base, **rates, update_scratch=UPDATE_SCRATCH, kind="")


def measure(
    rows: int = 64,
    clock: Clock = time.perf_counter,
    *,
    seconds: float = SECONDS,
    steps: int = STEPS,
) -> Measured:
    """Measures it; takes about five seconds, once TensorFlow is loaded.

    Args:
        rows: Examples that a device computes at once, on which rates depend.
        clock: Gives the time in seconds.
        seconds: For each rate.
        steps: For each overhead.
    """
    step, layer = overheads(clock, steps=steps)
    return rates(rows, clock, step, layer, seconds=seconds)


def rates(
    rows: int,
    clock: Clock = time.perf_counter,
    step: float = 0.0,
    layer: float = 0.0,
    *,
    seconds: float = SECONDS,
) -> Measured:
    """The rates alone, beside overheads that are known.

    Args:
        rows: Examples that a device computes at once.
        clock: Gives the time in seconds.
        step: Seconds that each step of `fit` takes besides.
        layer: Seconds that each layer adds to it.
        seconds: For each rate.
    """

    def timed(program: Callable[[], Any]) -> float:
        return _seconds(program, clock, seconds)

    return Measured(
        flops=_matrix_rate(rows, timed),
        convolution_flops=_convolution_rate(rows, timed),
        memory_bandwidth=_memory_bandwidth(rows, timed),
        update_rate=_update_rate(timed),
        step_overhead=step,
        layer_overhead=layer,
    )


def _seconds(program: Callable[[], Any], clock: Clock, seconds: float) -> float:
    """The median of calls that are repeated for so long."""
    program()
    taken: list[float] = []
    end = clock() + seconds
    while clock() < end or len(taken) < _LEAST:
        started = clock()
        program()
        taken.append(clock() - started)
    return statistics.median(taken)


def _matrix_rate(rows: int, timed: Timed) -> float:
    x, g = tf.ones([rows, _SIDE]), tf.ones([rows, _SIDE])
    w = tf.ones([_SIDE, _SIDE])

    @tf.function(autograph=False)
    def program() -> Any:
        forward = tf.matmul(x, w)
        backward = tf.matmul(g, w, transpose_b=True)
        return forward[0, 0] + backward[0, 0] + tf.matmul(x, g, transpose_a=True)[0, 0]

    return 3 * 2 * rows * _SIDE**2 / timed(lambda: program().numpy())


def _convolution_rate(rows: int, timed: Timed) -> float:
    x = tf.ones([rows, _PICTURE, _PICTURE, _CHANNELS])
    w = tf.ones([3, 3, _CHANNELS, _CHANNELS])

    @tf.function(autograph=False)
    def program() -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            total = tf.reduce_sum(tf.nn.conv2d(x, w, 1, "SAME"))
        to_inputs, to_kernel = tape.gradient(total, [x, w])
        return total + to_inputs[0, 0, 0, 0] + to_kernel[0, 0, 0, 0]

    operations = 3 * 2 * rows * _PICTURE**2 * 9 * _CHANNELS**2
    return operations / timed(lambda: program().numpy())


def _memory_bandwidth(rows: int, timed: Timed) -> float:
    x, b = tf.ones([rows, _NUMBERS // rows]), tf.ones([_NUMBERS // rows])

    @tf.function(autograph=False)
    def program() -> Any:
        return tf.nn.relu(tf.nn.bias_add(x, b))[0, 0]

    written = 2 * rows * (_NUMBERS // rows)
    return 2 * 4 * written / timed(lambda: program().numpy())


def _update_rate(timed: Timed) -> float:
    variable = keras.Variable(tf.zeros([_NUMBERS]))
    optimizer = keras.optimizers.Adam()
    optimizer.build([variable])
    gradient = tf.ones([_NUMBERS])

    @tf.function(autograph=False)
    def program() -> Any:
        optimizer.apply([gradient], [variable])
        return optimizer.iterations.value

    return 4 * (2 + 1 + 2 * 2) * _NUMBERS / timed(lambda: program().numpy())


def overheads(
    clock: Clock = time.perf_counter,
    scope: Scope = nullcontext,
    *,
    steps: int = STEPS,
) -> tuple[float, float]:
    """Seconds that a step of `fit` takes whatever the model, and that each layer adds.

    Args:
        clock: Gives the time in seconds.
        scope: In which models are made, such as a strategy's.
        steps: That are timed of each of two models, after as many that are not.
    """
    shallow, deep = (_step_of(layers, clock, scope, steps) for layers in (_SHALLOW, _DEEP))
    layer = max(0.0, (deep - shallow) / (_DEEP - _SHALLOW))
    return max(0.0, shallow - _SHALLOW * layer), layer


def _step_of(layers: int, clock: Clock, scope: Scope, steps: int) -> float:
    with scope():
        hidden = [keras.layers.Dense(8, activation="relu") for _ in range(layers - 1)]
        model = keras.Sequential([keras.Input((8,)), *hidden, keras.layers.Dense(2)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = tf.zeros([8 * steps, 8]), tf.zeros([8 * steps], "int32")
    stamps: list[float] = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: stamps.append(clock())
    )
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[note])
    later = stamps[steps:]
    return statistics.median(after - before for before, after in itertools.pairwise(later))
