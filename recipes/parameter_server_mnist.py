"""Digits with parameter servers: asynchronous training with plain Keras.

The same script runs in every task; servers and workers never pass the first line of `main`:

    tftrain launch --workers=2 --ps=1 -- python recipes/parameter_server_mnist.py

Takes about a minute on two busy cores and prints a test accuracy of about 0.96 for digits (no
download). `--dataset=mnist` reads the full set through tftrain.data.
"""

from __future__ import annotations

from absl import app, flags

import tftrain
from tftrain.keras_api import keras

FLAGS = flags.FLAGS
flags.DEFINE_enum("dataset", "digits", ["digits", "mnist"], "what to learn")
flags.DEFINE_string("data_dir", None, "where datasets are kept")
flags.DEFINE_integer("epochs", 10, "passes over the training set")
flags.DEFINE_integer("batch_size", 32, "examples in one update; each update is one worker's")
flags.DEFINE_string("checkpoints", None, "a folder to resume from after a lost server")


def make_model(shape: tuple[int, ...], classes: int) -> keras.Model:
    """A small convolutional network, compiled."""
    model = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(16, 3, activation="relu", padding="same"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(32, 3, activation="relu", padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(_: list[str]) -> None:
    """Trains, and prints the test accuracy."""
    strategy = tftrain.distribute.strategy("ps")
    splits = tftrain.data.load(FLAGS.dataset, data_dir=FLAGS.data_dir)
    with strategy.scope():
        model = make_model(splits.info.shape, splits.info.classes)
    callbacks = [keras.callbacks.BackupAndRestore(FLAGS.checkpoints)] if FLAGS.checkpoints else []
    model.fit(
        splits.train.x,
        splits.train.y,
        batch_size=FLAGS.batch_size,
        epochs=FLAGS.epochs,
        validation_data=(splits.validation.x, splits.validation.y),
        callbacks=callbacks,
        verbose=2,
    )
    quality = model.evaluate(splits.test.x, splits.test.y, return_dict=True, verbose=0)
    print(f"updates {int(model.optimizer.iterations.numpy())}")
    print(f"test accuracy {quality['accuracy']:.4f}")


if __name__ == "__main__":
    app.run(main)
