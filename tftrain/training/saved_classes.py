"""What tftrain itself adds to the classes that Keras finds in a file."""

from __future__ import annotations

from tftrain import compress, models, optim


def register() -> None:
    """Makes Keras know every class of tftrain that a saved model can name, so that it loads."""
    from tftrain.training.pretraining import mask_layer, pair_loss  # noqa: F401 - registers

    for package in (compress, models, optim):
        package.register()
