"""A perceptron on MNIST, trained with whole and with compressed gradients: what is saved, and lost.

    tftrain launch --workers=2 -- python recipes/compressed_gradients.py --data_dir=DIR
    tftrain launch --workers=2 -- python recipes/compressed_gradients.py --codec=topk:0.01
    python recipes/compressed_gradients.py --devices=2 --dataset=digits --epochs=30

Time: about half a minute for the digits with --devices=2, two and a half for MNIST.
Expected: about the same test accuracy twice. Measured with --devices=2, seed 0: MNIST 0.9765 whole,
0.9749 with PowerSGD of rank 4 and 2.3% of the bytes; digits (30 epochs) 0.9583 and 0.9611, 8.8% of
the bytes, as with two workers. The learning rate is the same for both.

Workers run this same file and sum their gradients after every step; between machines that waiting
can be most of the time. With one line more, `compress_gradients`, they exchange a small part of the
bytes. How much faster that is depends on the network: docs/how-to/compress-gradients.md. Workers on
one machine, or its devices (`--devices`), have no slow network to gain from.
"""

import tftrain  # first: it makes TensorFlow the backend of Keras

# isort: split
import keras
from absl import flags

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 5, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/compressed_gradients", "folder for the model")
SEED = flags.DEFINE_integer("seed", 0, "of weights and order", lower_bound=0)
CODEC = flags.DEFINE_string("codec", "powersgd:4", "bf16, fp16, int8, topk:0.01 or powersgd:4")
DEVICES = flags.DEFINE_integer("devices", None, "without a cluster: CPU devices to split into")

BATCH = 64
WARMUP = 20  # steps with whole gradients, before which directions change most


def build_model(info: tftrain.data.Info, codec: str) -> keras.Model:
    model = tftrain.models.mlp(info.shape, hidden=(512, 128), classes=info.classes)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    model.compile(
        optimizer=tftrain.optim.compress_gradients(optimizer, codec, warmup_steps=WARMUP),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def train(model: keras.Model, splits: tftrain.data.Splits, name: str) -> tuple[float, float]:
    """Test accuracy, and megabytes that each replica has sent."""
    history = model.fit(
        splits.train.x,
        splits.train.y,
        batch_size=BATCH,
        epochs=EPOCHS.value,
        callbacks=[tftrain.callbacks.GradientBytes()],
        verbose=0,
    )
    loss, accuracy = model.evaluate(splits.test.x, splits.test.y, batch_size=500, verbose=0)
    sent = sum(history.history.get("gradient_bytes", [0])) / 1e6
    print(f"{name}: test accuracy: {accuracy:.4f}, loss: {loss:.4f}; {sent:.1f} MB a replica")
    return accuracy, sent


def main(_: list[str]) -> None:
    tftrain.optim.check_codec(CODEC.value)
    strategy = tftrain.distribute.strategy("auto", devices=DEVICES.value)
    splits = tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)
    out = tftrain.app.output_folder(OUT.value)
    figures, sent = {}, {}
    for codec in ("none", CODEC.value):
        keras.utils.set_random_seed(SEED.value)
        with strategy.scope():
            model = build_model(splits.info, codec)
        figures[codec], sent[codec] = train(model, splits, codec)
    if sent["none"]:
        figures["share of the bytes"] = sent[CODEC.value] / sent["none"]
        print(f"{CODEC.value} sent {figures['share of the bytes']:.1%} of the bytes")
    if tftrain.distribute.is_writer(strategy):
        tftrain.app.write_result(out, figures)
    model.save(out / "model.keras")


if __name__ == "__main__":
    tftrain.app.run(main)
