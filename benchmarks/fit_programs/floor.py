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
from functools import partial
from typing import Any

import numpy as np
from sheet import Sheet, run
from threadpoolctl import threadpool_limits
from workloads import EPSILON, LEARNING_RATE

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


def timed(act: Callable[..., Any], *arguments: Any) -> float:
    start = time.perf_counter()
    act(*arguments)
    return time.perf_counter() - start


def train(sheet: Sheet) -> None:
    """Measures every way in every epoch; the epoch's figure is the sum of the faster ones."""
    workload, data = sheet.workload, sheet.data()
    sizes, batch = workload.dense_sizes, workload.batch
    train_steps = steps_of(len(data.x), batch)
    validation_steps = steps_of(len(data.validation_x), batch)
    count = sum((before + 1) * after for before, after in itertools.pairwise(sizes))

    def products(cores: int | None) -> None:
        with threadpool_limits(cores):
            product_epoch(sizes, train_steps, validation_steps)

    product_ways = {"one_core": partial(products, 1), "all_cores": partial(products, None)}
    update_ways = {"numpy": numpy_adam(count), "xla": xla_adam(count)}
    for update in update_ways.values():
        update(2)
    sheet.begin()
    times: list[dict[str, float]] = []
    for _ in range(sheet.epochs):
        of_products = {name: timed(way) for name, way in product_ways.items()}
        of_updates = {name: timed(way, len(train_steps)) for name, way in update_ways.items()}
        least = min(of_products.values()) + min(of_updates.values())
        times.append({**of_products, **of_updates, "least": least})
    ways = {
        f"{name}_seconds": float(np.median([epoch[name] for epoch in times[1:]]))
        for name in (*product_ways, *update_ways)
    }
    sheet.write(
        parameters=count,
        updates=sheet.epochs * len(train_steps),
        epoch_seconds=[epoch["least"] for epoch in times],
        **ways,
    )


if __name__ == "__main__":
    run(train)
