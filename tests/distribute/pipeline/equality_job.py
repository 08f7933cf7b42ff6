"""Models trained on one device and in stages, in both orders; prints their differences as JSON."""

import contextlib
import json

import keras
import numpy as np

import tftrain

layers = keras.layers
random = np.random.default_rng(0)


def floats(*shape):
    return random.normal(size=shape).astype("float32")


def mlp():
    """Dropout, penalties, weights of examples; a last batch of two rows."""
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(32, "relu", kernel_regularizer="l2"),
            layers.Dropout(0.3),
            layers.Dense(15, "relu"),
            layers.Dropout(0.5),
            layers.Dense(5, "softmax", bias_regularizer="l1"),
        ]
    )
    options = {
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        "weighted_metrics": ["sparse_categorical_crossentropy"],
    }
    weights = random.uniform(0.5, 2, 66).astype("float32")
    return model, options, (floats(66, 20), random.integers(0, 5, 66), weights)


def cnn():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    options = {"loss": loss, "metrics": ["accuracy"]}
    return model, options, (floats(70, 8, 8, 1), random.integers(0, 10, 70))


def residual():
    """A connection past a stage; the global norm of all stages' gradients is clipped."""
    given = keras.Input((12,))
    first = layers.Dense(16, "relu")(given)
    second = layers.Dense(16, "relu")(first)
    third = layers.Dense(16)(layers.Add()([first, second]))
    probability = layers.Dense(1, "sigmoid")(layers.Add()([first, third]))
    optimizer = keras.optimizers.Adam(0.01, global_clipnorm=0.05)
    options = {"loss": "binary_crossentropy", "metrics": ["accuracy"], "optimizer": optimizer}
    return (
        keras.Model(given, probability),
        options,
        (floats(70, 12), random.integers(0, 2, (70, 1))),
    )


def several():
    """Inputs and outputs by name, one output made by an early stage; a table of embeddings."""
    numbers, words = (
        keras.Input((12,), name="numbers"),
        keras.Input((5,), name="words", dtype="int32"),
    )
    first = layers.Dense(16, "relu")(numbers)
    side = layers.Dense(1, "sigmoid", name="side")(first)
    both = layers.Concatenate()([first, layers.Flatten()(layers.Embedding(20, 4)(words))])
    main = layers.Dense(3, "softmax", name="main")(layers.Dense(16, "relu")(both))
    model = keras.Model({"numbers": numbers, "words": words}, {"side": side, "main": main})
    options = {
        "loss": {"side": "binary_crossentropy", "main": "sparse_categorical_crossentropy"},
        "loss_weights": {"side": 0.3, "main": 1.0},
        "metrics": {"main": ["accuracy"]},
    }
    x = {"numbers": floats(70, 12), "words": random.integers(0, 20, (70, 5))}
    y = {"side": random.integers(0, 2, (70, 1)), "main": random.integers(0, 3, 70)}
    return model, options, (x, y)


def masked():
    """Steps that are masked count neither in the loss nor in the metric."""
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(20, 8, mask_zero=True),
            layers.Dense(8, "relu"),
            layers.Dense(4, "softmax"),
        ]
    )
    x = random.integers(0, 20, (70, 6)) * (np.arange(6) < random.integers(1, 7, (70, 1)))
    options = {"loss": "sparse_categorical_crossentropy", "weighted_metrics": ["accuracy"]}
    return model, options, (x, random.integers(0, 4, (70, 6)))


def trained(make, scope):
    """What fifty steps of Adam, and for some models an evaluation and a prediction, give."""
    global random
    random = np.random.default_rng(1)
    keras.utils.set_random_seed(3)
    with scope:
        model, options, data = make()
        model.compile(**{"optimizer": keras.optimizers.Adam(0.01), **options})
    given = dict(zip(("x", "y", "sample_weight"), data, strict=False))
    seen = model.fit(**given, batch_size=32, epochs=17, verbose=0).history
    assert model.optimizer.iterations.numpy() == 51
    if make is several:
        seen["evaluated"] = model.evaluate(**given, batch_size=33, verbose=0)
        seen["predicted"] = keras.tree.flatten(model.predict(data[0], batch_size=35, verbose=0))
    return model.get_weights(), keras.tree.flatten(list(seen.values()))


def difference(one, other):
    return [
        max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in zip(*parts, strict=True))
        for parts in zip(one, other, strict=True)
    ]


CASES = [(mlp, 2, 3, "1f1b"), (cnn, 2, 2, "gpipe"), (residual, 3, 2, "1f1b"),
         (several, 2, 2, "1f1b"), (masked, 2, 2, "gpipe")]  # fmt: skip

tftrain.distribute.strategy("pipeline", stages=3)
seen = {}
for make, stages, micro_batches, order in CASES:
    tftrain.distribute.strategy("one")
    alone = trained(make, contextlib.nullcontext())
    strategy = tftrain.distribute.strategy(
        "pipeline", stages=stages, micro_batches=micro_batches, schedule=order
    )
    seen[make.__name__] = difference(alone, trained(make, strategy.scope()))
print(json.dumps(seen))
