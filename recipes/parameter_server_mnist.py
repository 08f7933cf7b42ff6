"""A small convolutional network on MNIST, trained asynchronously through parameter servers.

    tftrain launch --workers=2 --ps=1 -- python recipes/parameter_server_mnist.py --data_dir=DIR
    tftrain launch --workers=2 --ps=1 -- \
        python recipes/parameter_server_mnist.py --dataset=digits --epochs=30

Time: about half a minute for the digits, on two cores that all tasks share.
Expected: a test accuracy of about 0.98 for the digits (measured: 0.9806), 690 updates. MNIST:
README.md.

Every task runs this same file. Servers and workers serve inside the call that makes the strategy
and end there; what follows it runs in the chief alone, which sends batches to the workers. An
update is one worker's batch, computed with variables that others are changing: two runs differ.
When to choose this: docs/how-to/choose-synchronous-or-asynchronous.md. A lost worker is missed by
nobody; after a lost server, start the job again with the same --out, and it resumes.
"""

import tftrain  # first: it makes TensorFlow the backend of Keras

# isort: split
import keras
from absl import flags

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 5, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/parameter_server_mnist", "folder for its files")
SEED = flags.DEFINE_integer("seed", 0, "of weights and order", lower_bound=0)

BATCH = 64


def load_data() -> tftrain.data.Splits:
    """The chief alone reads the data."""
    return tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)


def build_model(info: tftrain.data.Info) -> keras.Model:
    """Compiled, as that belongs into the scope too: the optimizer's variables live on servers."""
    model = tftrain.models.cnn(info.shape, classes=info.classes)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model: keras.Model, examples: tftrain.data.Examples, backup: str) -> None:
    model.fit(
        examples.x,
        examples.y,
        batch_size=BATCH,
        epochs=EPOCHS.value,
        callbacks=[keras.callbacks.BackupAndRestore(backup)],
        verbose=2,
    )


def main(_: list[str]) -> None:
    keras.utils.set_random_seed(SEED.value)
    strategy = tftrain.distribute.strategy("ps")  # servers and workers never pass this line
    splits = load_data()
    out = tftrain.app.output_folder(OUT.value)
    with strategy.scope():
        model = build_model(splits.info)
    train(model, splits.train, str(out / "backup"))
    loss, accuracy = model.evaluate(splits.test.x, splits.test.y, verbose=0)
    print(f"updates: {int(model.optimizer.iterations.numpy())}")
    print(f"test accuracy: {accuracy:.4f}, loss: {loss:.4f}")
    tftrain.app.write_result(out, {"test accuracy": accuracy, "loss": loss})
    print(f"model: {tftrain.export.keras(model, out / 'model.keras')}")


if __name__ == "__main__":
    tftrain.app.run(main)
