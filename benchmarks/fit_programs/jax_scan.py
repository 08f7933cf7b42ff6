"""Hand-written JAX: an epoch is one compiled `lax.scan` over data on the device.

The CNN's steps are compiled singly and called from Python: on CPUs, XLA's convolutions inside a
loop took 1061 ms a step, outside of it 140 ms.

    python benchmarks/fit_programs/jax_scan.py --data=mnist.npz
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax_networks
import numpy as np
import optax
from jax import lax
from sheet import Sheet, run
from workloads import EPSILON, LEARNING_RATE

Act = Callable[[Any, Any], tuple[Any, jax.Array]]  # state, a part of the rows -> state, sums


def scanned(act: Act, state: Any, rows: Any, batch: int) -> tuple[Any, jax.Array]:
    """Carries the state through all batches and adds up what they give; for use in `jit`."""
    count = len(jax.tree.leaves(rows)[0])
    whole = count // batch * batch
    batches = jax.tree.map(lambda a: a[:whole].reshape(-1, batch, *a.shape[1:]), rows)
    state, found = lax.scan(act, state, batches)
    found = found.sum(0)
    if whole < count:
        state, last = act(state, jax.tree.map(lambda a: a[whole:], rows))
        found += last
    return state, found


def looped(act: Act, state: Any, rows: Any, batch: int) -> tuple[Any, jax.Array]:
    """The same from Python."""
    found = jnp.zeros(2)
    for start in range(0, len(jax.tree.leaves(rows)[0]), batch):
        part = jax.tree.map(lambda a, start=start: a[start : start + batch], rows)
        state, sums = act(state, part)
        found += sums
    return state, found


def train(sheet: Sheet) -> None:
    batch = sheet.workload.batch
    data = sheet.data()
    key, network_key = jax.random.split(jax.random.key(sheet.seed))
    parameters, forward = jax_networks.build(sheet.workload, network_key)
    optimizer = optax.adam(LEARNING_RATE, eps=EPSILON)
    permutation = jax.jit(jax.random.permutation, static_argnums=1)

    def sums(parameters: Any, x: jax.Array, y: jax.Array, key: Any) -> jax.Array:
        logits = forward(parameters, x, key)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
        return jnp.stack([losses.sum(), (logits.argmax(-1) == y).sum()])

    def mean_loss(parameters: Any, x: jax.Array, y: jax.Array, key: Any) -> Any:
        found = sums(parameters, x, y, key)
        return found[0] / len(x), found

    def step(state: Any, x: jax.Array, y: jax.Array, rows: jax.Array) -> Any:
        parameters, moments, key = state
        key, own = jax.random.split(key)
        gradients, found = jax.grad(mean_loss, has_aux=True)(parameters, x[rows], y[rows], own)
        changes, moments = optimizer.update(gradients, moments)
        return (optax.apply_updates(parameters, changes), moments, key), found

    def check(parameters: Any, xy: tuple[jax.Array, jax.Array]) -> Any:
        return parameters, sums(parameters, *xy, None)

    def train_epoch(through: Any, step: Any, state: Any, x: Any, y: Any, order: Any) -> Any:
        return through(lambda state, rows: step(state, x, y, rows), state, order, batch)

    def validate(through: Any, check: Any, parameters: Any, xy: Any) -> Any:
        return through(check, parameters, xy, batch)[1]

    if sheet.workload.network == "cnn":
        train_epoch = partial(train_epoch, looped, jax.jit(step, donate_argnums=0))
        validate = partial(validate, looped, jax.jit(check))
    else:
        train_epoch = jax.jit(partial(train_epoch, scanned, step), donate_argnums=0)
        validate = jax.jit(partial(validate, scanned, check))

    sheet.begin()
    x, y, validation_x, validation_y = jax.device_put(tuple(vars(data).values()))
    state = (parameters, optimizer.init(parameters), key)
    for epoch in range(sheet.epochs):
        order = permutation(jax.random.fold_in(network_key, epoch), len(x))
        state, of_training = train_epoch(state, x, y, order)
        of_validation = validate(state[0], (validation_x, validation_y))
        loss, accuracy = (of_training / len(x)).tolist()
        _, validation_accuracy = (of_validation / len(validation_x)).tolist()
        sheet.end_epoch()
    with sheet.saving() as folder:
        leaves, structure = jax.tree.flatten(state[0])
        np.savez(folder / "model.npz", *leaves, structure=str(structure))
    sheet.write(
        loss=loss,
        accuracy=accuracy,
        validation_accuracy=validation_accuracy,
        parameters=sum(leaf.size for leaf in leaves),
        updates=int(state[1][0].count),
    )


if __name__ == "__main__":
    run(train)
