"""A small convolutional network on MNIST, on the cores of a TPU.

    python recipes/tpu_mnist.py --data_dir=DIR                   # on a TPU host
    TPU_NAME=grpc://HOST:8470 python recipes/tpu_mnist.py        # a TPU elsewhere
    python recipes/tpu_mnist.py --strategy=mirrored --dataset=digits --epochs=30   # no TPU

Time: unknown on a TPU; about a quarter of a minute for the digits on two logical CPUs.
Expected: on two logical CPUs a test accuracy of about 0.97 for the digits (measured: 0.9750).
MNIST: README.md.

What was run: the same code on two logical CPU devices, and, on a host without a TPU, that it ends
at once with one line that says so. What was not run: anything on a TPU. The choices below
follow TensorFlow's guide for TPUs, https://www.tensorflow.org/guide/tpu:

- Shapes that do not change, as XLA compiles a program for each: BATCH divides into equal parts for
  8 cores, and the last, smaller batch of an epoch is left out (another one after each shuffle).
- Many steps a call, or the host cannot keep up.
- bfloat16 for products and float32 for variables, which is what TPUs are built for.
"""

import tftrain  # first: it makes TensorFlow the backend of Keras

# isort: split
import keras
import tensorflow as tf
from absl import flags

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 5, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/tpu_mnist", "folder for the model's file")
SEED = flags.DEFINE_integer("seed", 0, "of weights, order and dropout", lower_bound=0)
STRATEGY = flags.DEFINE_enum(
    "strategy", "tpu", ["tpu", "mirrored"], "mirrored: two logical CPUs, to try the script"
)

BATCH = 128  # of all cores together
STEPS_A_CALL = 50


def load_data() -> tftrain.data.Splits:
    """The whole training part is trained on: the test part judges the result, and nothing else."""
    return tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)


def batches(examples: tftrain.data.Examples) -> tf.data.Dataset:
    """Whole batches of x `[BATCH, H, W, C]` and y `[BATCH]`, in another order at every pass."""
    dataset = tf.data.Dataset.from_tensor_slices((examples.x, examples.y))
    shuffled = dataset.shuffle(len(examples), seed=SEED.value, reshuffle_each_iteration=True)
    return shuffled.batch(BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def build_model(info: tftrain.data.Info) -> keras.Model:
    """Compiled, as that belongs into the strategy's scope too."""
    model = tftrain.models.cnn(info.shape, classes=info.classes)
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=STEPS_A_CALL,
    )
    return model


def main(_: list[str]) -> None:
    keras.utils.set_random_seed(SEED.value)
    devices = 2 if STRATEGY.value == "mirrored" else None
    strategy = tftrain.distribute.strategy(STRATEGY.value, devices=devices)
    splits = load_data()
    out = tftrain.app.output_folder(OUT.value)
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    with strategy.scope():
        model = build_model(splits.info)
    model.fit(batches(splits.train), epochs=EPOCHS.value, verbose=2)
    loss, accuracy = model.evaluate(splits.test.x, splits.test.y, batch_size=BATCH, verbose=0)
    print(f"test accuracy: {accuracy:.4f}, loss: {loss:.4f}")
    tftrain.app.write_result(out, {"test accuracy": accuracy, "loss": loss})
    print(f"model: {tftrain.export.keras(model, out / 'model.keras')}")


if __name__ == "__main__":
    tftrain.app.run(main)
