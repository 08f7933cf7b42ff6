"""The floor of an MLP: its matrix products and Adam's updates, and nothing else.

No data are moved, no activation, loss or metric is computed. The products are NumPy's with its
BLAS, on one core or all, whichever is faster: forward, the gradients of the weights and those of
the hidden layers, and forward once more for validation. Adam updates all parameters in place:
NumPy in a dozen passes, or XLA in one, whichever is faster. An epoch is the sum of the two.

    python benchmarks/fit_programs/floor.py --data=mnist.npz
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sheet import Sheet, run
from threadpoolctl import threadpool_limits
from workloads import EPSILON, LEARNING_RATE

TRIAL_STEPS = 200
BETA1, BETA2 = 0.9, 0.999


class Products:
    """The products of one batch, into arrays that are there already."""

    def __init__(self, sizes: tuple[int, ...], batch: int) -> None:
        random = np.random.default_rng(0)
        # Small numbers: they must not grow out of range, or the products get slow.
        self.weights = [
            random.normal(0, 0.01, pair).astype(np.float32) for pair in itertools.pairwise(sizes)
        ]
        self.values = [random.normal(0, 1, (batch, size)).astype(np.float32) for size in sizes]
        self.errors = [np.zeros_like(values) for values in self.values]
        self.errors[-1][:] = self.values[-1]
        self.gradients = [np.empty_like(weights) for weights in self.weights]

    def forward(self) -> None:
        for number, weights in enumerate(self.weights):
            np.matmul(self.values[number], weights, out=self.values[number + 1])

    def backward(self) -> None:
        for number in reversed(range(len(self.weights))):
            error = self.errors[number + 1]
            np.matmul(self.values[number].T, error, out=self.gradients[number])
            if number:
                np.matmul(error, self.weights[number].T, out=self.errors[number])


def steps_of(rows: int, batch: int) -> list[int]:
    """The sizes of an epoch's batches."""
    return [min(batch, rows - start) for start in range(0, rows, batch)]


def product_epoch(sizes: tuple[int, ...], train: list[int], validation: list[int]) -> None:
    products = {size: Products(sizes, size) for size in {*train, *validation}}
    for size in train:
        products[size].forward()
        products[size].backward()
    for size in validation:
        products[size].forward()


def numpy_adam(parameters: int) -> Callable[[int], None]:
    p, m, v, g = np.random.default_rng(0).random((4, parameters), np.float32)
    s = np.empty_like(p)
    rest1, rest2 = np.float32(1 - BETA1), np.float32(1 - BETA2)

    def update() -> None:
        np.subtract(g, m, out=s)
        np.multiply(s, rest1, out=s)
        np.add(m, s, out=m)
        np.multiply(g, g, out=s)
        np.subtract(s, v, out=s)
        np.multiply(s, rest2, out=s)
        np.add(v, s, out=v)
        np.sqrt(v, out=s)
        np.add(s, np.float32(EPSILON), out=s)
        np.divide(m, s, out=s)
        np.multiply(s, np.float32(LEARNING_RATE), out=s)
        np.subtract(p, s, out=p)

    return lambda steps: [update() for _ in range(steps)] and None


def xla_adam(parameters: int) -> Callable[[int], None]:
    import tensorflow as tf

    g = tf.random.stateless_uniform([parameters], [0, 0])
    p, m, v = (tf.Variable(g) for _ in range(3))

    @tf.function(jit_compile=True)
    def updated(steps: Any, p: Any, m: Any, v: Any, g: Any) -> Any:
        def body(step: Any, p: Any, m: Any, v: Any) -> Any:
            m = m + (1 - BETA1) * (g - m)
            v = v + (1 - BETA2) * (g * g - v)
            return step + 1, p - LEARNING_RATE * m / (tf.sqrt(v) + EPSILON), m, v

        return tf.while_loop(lambda step, *_: step < steps, body, (0, p, m, v))[1:]

    def run_steps(steps: int) -> None:
        updated(tf.constant(steps), p, m, v, g)[0].numpy()

    return run_steps


def faster(ways: dict[str, Callable[[int], None]]) -> str:
    """The name of the way whose best of three trials is shortest."""
    best = {}
    for name, way in ways.items():
        way(2)
        best[name] = min(timed(way, TRIAL_STEPS) for _ in range(3))
    return min(best, key=best.__getitem__)


def timed(act: Callable[..., Any], *arguments: Any) -> float:
    start = time.perf_counter()
    act(*arguments)
    return time.perf_counter() - start


def train(sheet: Sheet) -> None:
    """Measures; `begin` and `end_epoch` frame each epoch as in the programs that train."""
    workload, data = sheet.workload, sheet.data()
    sizes, batch = workload.dense_sizes, workload.batch
    train_steps = steps_of(len(data.x), batch)
    validation_steps = steps_of(len(data.validation_x), batch)
    count = sum((before + 1) * after for before, after in itertools.pairwise(sizes))
    updates = {"numpy": numpy_adam(count), "xla": xla_adam(count)}
    update = faster(updates)
    threads = {"one": 1, "all": None}

    def trial(limit: int | None) -> Callable[[int], None]:
        def run_steps(steps: int) -> None:
            with threadpool_limits(limit):
                product_epoch(sizes, [batch] * steps, [])

        return run_steps

    cores = faster({name: trial(limit) for name, limit in threads.items()})
    times = []
    sheet.begin()
    for _ in range(sheet.epochs):
        with threadpool_limits(threads[cores]):
            of_products = timed(product_epoch, sizes, train_steps, validation_steps)
        times.append((of_products, timed(updates[update], len(train_steps))))
        sheet.end_epoch()
    of_products, of_updates = np.median(times, axis=0)
    sheet.write(
        parameters=count,
        updates=sheet.epochs * len(train_steps),
        product_seconds=float(of_products),
        update_seconds=float(of_updates),
        cores=cores,
        update=update,
    )


if __name__ == "__main__":
    run(train)
