"""Repairs of Keras 3 under tf.distribute, one file a defect."""

from __future__ import annotations


def install() -> None:
    """Activates every repair; a second call does nothing."""
    from tftrain.distribute.keras_bridge import atomic_iterations, coordinator_fit

    atomic_iterations.install()
    coordinator_fit.install()
