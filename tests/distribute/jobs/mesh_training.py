"""Trains on meshes of four logical CPUs and on one device; prints what came out as JSON."""

import contextlib
import json
import sys
from pathlib import Path

import numpy as np

import tftrain
from tftrain.keras_api import keras, tf
from tftrain.litert import LiteModel

FOLDER = Path(sys.argv[1])
ROWS, BATCH = 70, 16  # the last batch of an epoch has six rows
random = np.random.default_rng(0)
VECTORS = random.normal(size=(ROWS, 20)).astype("float32")
IMAGES = random.normal(size=(ROWS, 8, 8, 2)).astype("float32")
WORDS = random.integers(0, 40, (ROWS, 6))
CLASSES = np.arange(ROWS) % 10
layers, optimizers = keras.layers, keras.optimizers
seen = {}


def mlp():
    return keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(64, "relu", name="up"),
            layers.Dropout(0.2),
            layers.Dense(10, name="down"),
        ]
    )


def cnn():
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(8, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )


def attention():
    """Two inputs and two outputs by name; embeddings, heads, and a layer used twice."""
    words, image = keras.Input((6,), name="words"), keras.Input((8, 8, 2), name="image")
    x = layers.Embedding(40, 8, name="table")(words)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4, use_bias=False)(x, x))
    dense = layers.Dense(8, "gelu")
    x = layers.GlobalAveragePooling1D()(dense(dense(x)))
    x = layers.Concatenate()([x, layers.Flatten()(image)])
    outputs = {"main": layers.Dense(10, name="main")(x), "other": layers.Dense(1, name="other")(x)}
    return keras.Model({"words": words, "image": image}, outputs)


class Mixing(layers.Layer):
    """A layer of one's own: sequences by one matrix, several times."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], shape[-1]), name="kernel")

    def call(self, x):
        x = tf.matmul(tf.matmul(x, self.kernel), self.kernel)
        return tf.matmul(x, self.kernel, transpose_b=True)


def products():
    inner = [layers.Reshape((8, 16)), Mixing(), layers.Flatten(), layers.Dense(10)]
    return keras.Sequential([keras.Input((8, 8, 2)), *inner])


def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


MODELS = {
    "mlp": (mlp, VECTORS, CLASSES, cross_entropy),
    "cnn": (cnn, IMAGES, CLASSES, cross_entropy),
    "products": (products, IMAGES, CLASSES, cross_entropy),
    "attention": (
        attention,
        {"words": WORDS, "image": IMAGES},
        {"main": CLASSES, "other": CLASSES / 10},
        lambda: {"main": cross_entropy(), "other": "mse"},
    ),
}


def built(name, optimizer, scope=contextlib.nullcontext):
    keras.utils.set_random_seed(0)
    make, _, _, loss = MODELS[name]
    metrics = {"main": "accuracy", "other": "mae"} if name == "attention" else ["accuracy"]
    with scope():
        model = make()
        model.compile(optimizer(), loss(), metrics=metrics)
    return model


def trained(name, optimizer, scope=contextlib.nullcontext, epochs=2, rows=slice(None), **fit):
    model = built(name, optimizer, scope)
    x, y = (keras.tree.map_structure(lambda each: each[rows], part) for part in MODELS[name][1:3])
    options = {"batch_size": BATCH, "epochs": epochs, "verbose": 0, "shuffle": False, **fit}
    history = model.fit(x, y, **options)
    return model, history.history


def difference(first, second):
    pairs = zip(keras.tree.flatten(first), keras.tree.flatten(second), strict=True)
    return max(float(np.abs(np.asarray(a, "f8") - np.asarray(b, "f8")).max()) for a, b in pairs)


def compare(name, optimizer, strategy, model_name="mlp", **fit):
    """Notes how far training on the mesh is from that on one device."""
    tftrain.distribute.strategy("one")
    one, expected = trained(model_name, optimizer, **fit)
    model, history = trained(model_name, optimizer, strategy.scope, **fit)
    x = MODELS[model_name][1]
    predicted = [each.predict(x, batch_size=32, verbose=0) for each in (one, model)]
    seen[name] = {
        "variables": difference(
            one.variables + one.optimizer.variables, model.variables + model.optimizer.variables
        ),
        "history": difference(
            {key: expected[key] for key in sorted(history)},
            {key: history[key] for key in sorted(history)},
        ),
        "predictions": difference(*predicted),
        "moved": difference(one.get_weights(), built(model_name, optimizer).get_weights()),
        "share": strategy.memory(model).largest_share,
        "steps": int(model.optimizer.iterations.numpy()),
    }
    return model


def note_slots(name, model):
    cut = sum(variable._value.names_axis for variable in model.optimizer.variables)
    seen.setdefault("cut slots", {})[name] = cut


def mesh(batch, model, layout="auto"):
    return tftrain.distribute.strategy(
        "model_parallel", mesh={"batch": batch, "model": model}, layout=layout
    )


def adam():
    return optimizers.AdamW(0.01, weight_decay=0.01)


EXPLICIT = {"up/kernel": (None, "model"), "up/bias": ("model",), "down/kernel": ("model", None)}
mesh(2, 2)  # splits the CPU in four
square, pair = mesh(2, 2, EXPLICIT), mesh(1, 2)
model = compare(
    "mlp", adam, square, epochs=10, validation_data=(VECTORS[:21], CLASSES[:21]),
    class_weight={label: 1.0 + label / 10 for label in range(10)},
)  # fmt: skip
table = square.memory(model)
note_slots("mlp", model)
seen["table"] = {row.path: [row.axes, row.total, row.devices] for row in table.rows}
seen["line"] = table.line()


def save_and_load():
    expected = model.predict(VECTORS, verbose=0)
    file = FOLDER / "model.keras"
    model.save(file)
    one = keras.models.load_model(file)
    with mesh(1, 4, EXPLICIT).scope():
        other = keras.models.load_model(file)
        other_mesh = tf.distribute.get_strategy()
    model.save_weights(FOLDER / "model.weights.h5")
    fresh = built("mlp", adam, square.scope)
    fresh.load_weights(FOLDER / "model.weights.h5")
    seen["loaded"] = {
        "one": difference(one.predict(VECTORS, verbose=0), expected),
        "other mesh": difference(other.predict(VECTORS, verbose=0), expected),
        "slots": difference(other.optimizer.variables, model.optimizer.variables),
        "share": other_mesh.memory(other).largest_share,
        "weights": difference(fresh.get_weights(), model.get_weights()),
        "eager": difference(model(VECTORS).numpy(), expected),
        "h5": difference(
            keras.models.load_model(
                tftrain.export.h5(model, FOLDER / "model.h5"), compile=False
            ).predict(VECTORS, verbose=0),
            expected,
        ),
    }
    exported = tftrain.export.saved_model(model, FOLDER / "saved", verify=False)
    reloaded = tf.saved_model.load(exported)
    answers = reloaded.signatures["serving_default"](tf.constant(VECTORS))
    lite = LiteModel.load(
        tftrain.export.tflite(model, FOLDER / "model.tflite", representative=VECTORS)
    )
    seen["loaded"]["tflite"] = difference(lite.predict(VECTORS), expected)
    with square.whole(model):
        inside = model.evaluate(VECTORS, CLASSES, verbose=0)
    seen["loaded"]["whole"] = difference(inside, model.evaluate(VECTORS, CLASSES, verbose=0))
    with square.scope():
        uncompiled = mlp()
    written = tftrain.export.keras(uncompiled, FOLDER / "uncompiled.keras")
    seen["loaded"]["uncompiled"] = difference(
        keras.models.load_model(written).get_weights(), uncompiled.get_weights()
    )
    seen["loaded"]["saved model"] = difference(answers, [expected])
    seen["loaded"]["after"] = difference(model.predict(VECTORS, verbose=0), expected)


def checkpoints():
    """Two epochs on one mesh, the third on one device: as three on one device."""

    def callback():
        return tftrain.callbacks.Checkpoint(FOLDER / "checkpoints")

    def sgd():
        return optimizers.SGD(0.1, momentum=0.9)

    tftrain.distribute.strategy("one")
    options = {"rows": slice(32)}
    whole, _ = trained("mlp", sgd, epochs=3, **options)
    trained("mlp", sgd, pair.scope, epochs=2, callbacks=[callback()], **options)
    tftrain.distribute.strategy("one")
    resumed, _ = trained("mlp", sgd, epochs=3, callbacks=[callback()], **options)
    seen["resumed"] = difference(
        [*whole.variables, *whole.optimizer.variables],
        [*resumed.variables, *resumed.optimizer.variables],
    )


def whole_slots():
    """Slots that are whole beside variables that are cut."""
    from keras.src.optimizers.base_optimizer import BaseOptimizer

    original = BaseOptimizer.add_variable
    BaseOptimizer.add_variable = lambda *args, **kwargs: original(
        *args, **{**kwargs, "layout": None}
    )
    try:
        note_slots("whole slots", compare("whole slots", adam, pair, rows=slice(32)))
    finally:
        BaseOptimizer.add_variable = original


def guarded():
    """A bad row, gradient clipping and accumulation."""
    VECTORS[20] = np.nan

    def callbacks():
        return [tftrain.callbacks.GradientClipping("global_norm", 0.1)]

    def accumulating():
        return optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2)

    compare("clipped", accumulating, pair, rows=slice(32, 64), callbacks=callbacks())
    guard = tftrain.callbacks.NanGuard("skip")
    compare("guarded", adam, pair, rows=slice(48), epochs=1, callbacks=[guard])


def by_command():
    """A run as `tftrain train` makes it, and what the other commands find in its folder."""
    from tftrain.cli.main import main

    run = FOLDER / "run"
    flags = ["--strategy=model_parallel", "--mesh=batch=1,model=2", "--layout=mlp", "--epochs=1"]
    codes = [main(["train", *flags, "--batch_size=200", "--noverify_export", f"--out={run}"])]
    tftrain.distribute.strategy("one")
    loaded = keras.models.load_model(run / "model.keras")
    test = tftrain.data.load("digits").test
    accuracy = loaded.evaluate(test.x, test.y, batch_size=200, verbose=0, return_dict=True)
    told = json.loads((run / "result.json").read_text())
    seen["command"] = {
        "codes": codes,
        "accuracy": [told["test_accuracy"], accuracy["accuracy"]],
        "engine": told["engine"],
        "settings": json.loads((run / "config.json").read_text())["mesh"],
        "saved model": (run / "saved_model" / "1" / "saved_model.pb").is_file(),
    }


compare(
    "cnn", lambda: optimizers.Adam(0.01, use_ema=True), mesh(2, 1), "cnn", rows=slice(32),
    callbacks=[keras.callbacks.SwapEMAWeights()], validation_data=(IMAGES[:8], CLASSES[:8]),
)  # fmt: skip
compare("attention", lambda: optimizers.Adam(0.01), pair, "attention", rows=slice(32))
compare("products", adam, pair, "products", rows=slice(32))
save_and_load()
checkpoints()
whole_slots()
guarded()
by_command()
print(json.dumps(seen))
