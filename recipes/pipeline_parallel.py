"""A perceptron on MNIST in two stages, one a device, beside the same on one device.

    python recipes/pipeline_parallel.py --data_dir=DIR
    python recipes/pipeline_parallel.py --dataset=digits --epochs=30

Time: about a minute for MNIST, half of one for the digits.
Expected: the same test accuracy twice. Weights differ by rounding at first; over hundreds of steps
rounding grows, between two runs on one device too, and may decide about an example.

The strategy cuts the model by bytes of weights and every batch into four micro-batches: while the
second device works on one of them, the first works on the next. Without two GPUs the CPU is split
into two devices, which share its cores: nothing becomes faster, but all is as on GPUs. The picture,
schedule.png, shows when each stage worked and when it waited.
"""

import tftrain  # first: it makes TensorFlow the backend of Keras

# isort: split
import keras
from absl import flags

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 3, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/pipeline_parallel", "folder for the model")
SEED = flags.DEFINE_integer("seed", 0, "of weights, order and dropout", lower_bound=0)

BATCH = 128
STAGES = 2
MICRO_BATCHES = 4


def build_model(info: tftrain.data.Info) -> keras.Model:
    model = tftrain.models.mlp(
        info.shape, hidden=(256, 256, 256), classes=info.classes, dropout=0.2
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model: keras.Model, splits: tftrain.data.Splits, name: str) -> float:
    """Test accuracy."""
    model.fit(splits.train.x, splits.train.y, batch_size=BATCH, epochs=EPOCHS.value, verbose=0)
    loss, accuracy = model.evaluate(splits.test.x, splits.test.y, batch_size=500, verbose=0)
    print(f"{name}: test accuracy: {accuracy:.4f}, loss: {loss:.4f}")
    return accuracy


def main(_: list[str]) -> None:
    strategy = tftrain.distribute.strategy("pipeline", stages=STAGES, micro_batches=MICRO_BATCHES)
    splits = tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)
    out = tftrain.app.output_folder(OUT.value)

    keras.utils.set_random_seed(SEED.value)
    with strategy.scope():
        staged = build_model(splits.info)
    figures = {"in stages": train(staged, splits, "in stages")}
    schedule = strategy.schedule(staged, splits.train.x[:BATCH], splits.train.y[:BATCH])
    schedule.plot(out / "schedule.png")
    print(schedule)

    tftrain.distribute.strategy("one")
    keras.utils.set_random_seed(SEED.value)
    alone = build_model(splits.info)
    figures["on one device"] = train(alone, splits, "on one device")
    tftrain.app.write_result(out, figures)
    staged.save(out / "model.keras")


if __name__ == "__main__":
    tftrain.app.run(main)
