"""A wide perceptron cut over the devices of a mesh: the result of one device, half of its memory.

    python recipes/tensor_parallel.py                             # MNIST
    python recipes/tensor_parallel.py --data_dir=DIR              # DIR holds mnist.npz
    python recipes/tensor_parallel.py --dataset=digits --epochs=10
    python recipes/tensor_parallel.py --mesh=batch=2,model=2

Time: see the table of README.md; logical CPUs share the cores and gain no time.
Expected: the same test accuracy on the mesh and on one device; each device of the mesh holds half
of the bytes that are cut, optimizer included.

`model` cuts variables, `batch` the examples of each step. Without GPUs the CPU is split, which
shows that all is right and saves nothing. What else can be cut: docs/how-to/split-a-model.md.
"""

import contextlib

import tftrain  # first: it makes TensorFlow the backend of Keras

# isort: split
import keras
from absl import flags

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 2, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/tensor_parallel", "folder for the model's file")
SEED = flags.DEFINE_integer("seed", 0, "of weights and order", lower_bound=0)
MESH = flags.DEFINE_string("mesh", "batch=1,model=2", "axes and their sizes")

BATCH = 128
LAYOUT = {  # columns, then rows: one exchange for both
    "up/kernel": (None, "model"),
    "up/bias": ("model",),
    "down/kernel": ("model", None),
}


def build_model(info: tftrain.data.Info) -> keras.Model:
    keras.utils.set_random_seed(SEED.value)
    model = keras.Sequential(
        [
            keras.Input(info.shape),
            keras.layers.Flatten(),
            keras.layers.Dense(1024, "relu", name="up"),
            keras.layers.Dense(info.classes, "softmax", name="down"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model: keras.Model, splits: tftrain.data.Splits, where: str) -> float:
    model.fit(splits.train.x, splits.train.y, batch_size=BATCH, epochs=EPOCHS.value, verbose=0)
    loss, accuracy = model.evaluate(splits.test.x, splits.test.y, batch_size=500, verbose=0)
    print(f"{where}: test accuracy: {accuracy:.4f}, loss: {loss:.4f}")
    return accuracy


def main(_: list[str]) -> None:
    strategy = tftrain.distribute.strategy("model_parallel", mesh=MESH.value, layout=LAYOUT)
    splits = tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)
    out = tftrain.app.output_folder(OUT.value)
    figures = {}
    for where, scope in (("mesh", strategy.scope()), ("one device", contextlib.nullcontext())):
        if where == "one device":
            tftrain.distribute.strategy("one")
        with scope:
            model = build_model(splits.info)
        figures[where] = train(model, splits, where)
        if where == "mesh":
            print(strategy.memory(model))
            figures["share of the bytes"] = strategy.memory(model).largest_share
            model.save(out / "model.keras")
    tftrain.app.write_result(out, figures)


if __name__ == "__main__":
    tftrain.app.run(main)
