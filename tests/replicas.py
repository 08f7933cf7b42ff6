"""What is trained alike by two replicas of one process and by one."""

import contextlib

import numpy as np

import tftrain


def save(run, file):
    """Saves the arrays by name of `run("mirrored", SCOPE)` and of `run("one", SCOPE)`.

    `SCOPE` is what models are made in; the process must not have run TensorFlow before.
    """
    strategy = tftrain.distribute.strategy("mirrored", devices=2)
    mirrored = run("mirrored", strategy.scope)
    tftrain.distribute.strategy("one")
    np.savez(file, **mirrored, **run("one", contextlib.nullcontext))
