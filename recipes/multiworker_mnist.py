"""A small convolutional network on MNIST, trained by several workers as if by one.

    tftrain launch --workers=2 -- python recipes/multiworker_mnist.py --data_dir=DIR
    tftrain launch --workers=2 -- python recipes/multiworker_mnist.py --dataset=digits --epochs=30
    srun python recipes/multiworker_mnist.py                     # one task a node, see below
    python recipes/multiworker_mnist.py --dataset=digits         # alone: the same model

Time: about half a minute for the digits, a minute an epoch for MNIST; both workers on two cores.
Expected: digits, a test accuracy of about 0.975 (measured: 0.9750, loss 0.072181 on both workers;
one process alone: 0.9750, loss 0.072179). MNIST after one epoch: 0.9846; after five: README.md.

Workers run this same file. Each takes its part of every batch, and gradients are summed, so the
result is that of one process to rounding: BATCH is the batch of all workers together. The chief
alone keeps the model's file and the backup; started again after a crash, with the same --out, the
job goes on at the batch that was saved last (`tftrain launch --max_restarts=3` starts it again).
Several machines, Slurm and Kubernetes: docs/how-to/run-on-several-machines.md.
"""

import tftrain  # first: it makes TensorFlow the backend of Keras

# isort: split
import keras
from absl import flags

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 5, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/multiworker_mnist", "folder for the chief's files")
SEED = flags.DEFINE_integer("seed", 0, "of weights and order", lower_bound=0)

BATCH = 64
SAVE_EVERY = 500  # batches between two backups


def load_data() -> tftrain.data.Splits:
    """Every worker reads all the data; Keras gives each its part of every batch."""
    return tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)


def build_model(info: tftrain.data.Info, steps: int) -> keras.Model:
    """Compiled, as that belongs into the scope too. No dropout: each replica draws its own."""
    model = tftrain.models.cnn(info.shape, classes=info.classes, dropout=0)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def train(model: keras.Model, examples: tftrain.data.Examples, backup: str) -> None:
    model.fit(
        examples.x,
        examples.y,
        batch_size=BATCH,
        epochs=EPOCHS.value,
        callbacks=[keras.callbacks.BackupAndRestore(backup, save_freq=SAVE_EVERY)],
        verbose=2,
    )


def main(_: list[str]) -> None:
    keras.utils.set_random_seed(SEED.value)
    strategy = tftrain.distribute.strategy("auto")  # before anything else touches TensorFlow
    splits = load_data()
    out = tftrain.app.output_folder(OUT.value)
    steps = tftrain.data.steps_per_epoch(splits.train, BATCH) * EPOCHS.value
    with strategy.scope():
        model = build_model(splits.info, steps)
    train(model, splits.train, str(out / "backup"))
    loss, accuracy = model.evaluate(splits.test.x, splits.test.y, verbose=0)
    print(f"test accuracy: {accuracy:.4f}, loss: {loss:.6f}")
    if tftrain.distribute.is_writer(strategy):
        tftrain.app.write_result(out, {"test accuracy": accuracy, "loss": loss})
    path = tftrain.export.keras(model, out / "model.keras")  # in every worker; the chief's is kept
    print(f"model: {path}")


if __name__ == "__main__":
    tftrain.app.run(main)
