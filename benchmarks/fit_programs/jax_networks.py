"""The networks as functions in JAX, with Keras's initializers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn import initializers
from workloads import CLASSES, DENSE, FILTERS, UNITS, Workload

Parameters = dict[str, Any]
Forward = Callable[[Parameters, jax.Array, jax.Array | None], jax.Array]
glorot = initializers.glorot_uniform()


def build(workload: Workload, key: jax.Array) -> tuple[Parameters, Forward]:
    """Parameters, and a function of them, of x and of a key (None: no dropout) to logits."""
    make = {"cnn": _cnn, "lstm": _lstm}.get(workload.network, _mlp)
    parameters, forward = make(workload, key)
    return parameters, _in_bfloat16(forward) if workload.bfloat16 else forward


def _in_bfloat16(forward: Forward) -> Forward:
    def cast(parameters: Parameters, x: jax.Array, key: jax.Array | None) -> jax.Array:
        halved = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), parameters)
        return forward(halved, x.astype(jnp.bfloat16), key).astype(jnp.float32)

    return cast


def _layer(key: jax.Array, *shape: int) -> Parameters:
    return {"w": glorot(key, shape), "b": jnp.zeros(shape[-1])}


def _dense(layer: Parameters, x: jax.Array) -> jax.Array:
    return x @ layer["w"] + layer["b"]


def _dropout(x: jax.Array, rate: float, key: jax.Array | None) -> jax.Array:
    if key is None or not rate:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def _mlp(workload: Workload, key: jax.Array) -> tuple[Parameters, Forward]:
    sizes = workload.dense_sizes
    keys = jax.random.split(key, len(sizes))
    pairs = itertools.pairwise(sizes)
    layers = [_layer(one, *pair) for one, pair in zip(keys, pairs, strict=False)]

    def forward(parameters: Parameters, x: jax.Array, key: jax.Array | None) -> jax.Array:
        *hidden, last = parameters["layers"]
        x = x.reshape(len(x), -1)
        for number, layer in enumerate(hidden):
            own = None if key is None else jax.random.fold_in(key, number)
            x = _dropout(jax.nn.relu(_dense(layer, x)), workload.dropout, own)
        return _dense(last, x)

    return {"layers": layers}, forward


def _convolution(layer: Parameters, x: jax.Array) -> jax.Array:
    order = ("NHWC", "HWIO", "NHWC")
    x = lax.conv_general_dilated(x, layer["w"], (1, 1), "SAME", dimension_numbers=order)
    x = jax.nn.relu(x + layer["b"])
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def _cnn(workload: Workload, key: jax.Array) -> tuple[Parameters, Forward]:
    *keys, hidden, last = jax.random.split(key, len(FILTERS) + 2)
    pairs = zip((1, *FILTERS), FILTERS, strict=False)
    side = workload.shape[0] // 2 ** len(FILTERS)
    made = {
        "convolutions": [_layer(one, 3, 3, *pair) for one, pair in zip(keys, pairs, strict=True)],
        "hidden": _layer(hidden, side * side * FILTERS[-1], DENSE),
        "last": _layer(last, DENSE, CLASSES),
    }

    def forward(parameters: Parameters, x: jax.Array, key: jax.Array | None) -> jax.Array:
        for layer in parameters["convolutions"]:
            x = _convolution(layer, x)
        x = _dropout(x.reshape(len(x), -1), workload.dropout, key)
        return _dense(parameters["last"], jax.nn.relu(_dense(parameters["hidden"], x)))

    return made, forward


def _lstm(workload: Workload, key: jax.Array) -> tuple[Parameters, Forward]:
    inputs, recurrent, last = jax.random.split(key, 3)
    made = {
        "inputs": _layer(inputs, workload.shape[1], 4 * UNITS),
        "recurrent": initializers.orthogonal()(recurrent, (UNITS, 4 * UNITS)),
        "last": _layer(last, UNITS, CLASSES),
    }
    forget = slice(UNITS, 2 * UNITS)
    made["inputs"]["b"] = made["inputs"]["b"].at[forget].set(1)

    def forward(parameters: Parameters, x: jax.Array, key: jax.Array | None) -> jax.Array:
        def step(state: Any, of_input: jax.Array) -> tuple[Any, None]:
            output, cell = state
            gates = of_input + output @ parameters["recurrent"]
            i, f, g, o = jnp.split(gates, 4, axis=-1)
            cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(cell), cell), None

        zeros = jnp.zeros((len(x), UNITS), x.dtype)
        of_inputs = _dense(parameters["inputs"], x.swapaxes(0, 1))
        (output, _), _ = lax.scan(step, (zeros, zeros), of_inputs)
        return _dense(parameters["last"], _dropout(output, workload.dropout, key))

    return made, forward
