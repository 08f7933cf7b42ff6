"""Repairs of Keras 3 under tf.distribute: one file a defect, all activated by `install`."""

from __future__ import annotations


def install() -> None:
    """Activates every repair; a second call changes nothing.

    These wrap what they find, so repairs that replace functions of Keras come before them.
    """
    from tftrain.distribute.keras_bridge import (
        chief_only_writes,
        exact_resume,
        lost_peer,
        model_scope,
        preflight_in_fit,
    )

    chief_only_writes.install()
    exact_resume.install()
    preflight_in_fit.install()
    model_scope.install()
    lost_peer.install()  # outermost: what a dead peer breaks can be any of the others
