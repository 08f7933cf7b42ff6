"""Trains with every codec: FOLDER mirrored|workers. Each process writes what it saw."""

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import tftrain
from tftrain import callbacks
from tftrain.keras_api import keras, tf
from tftrain.optim import codecs

folder, kind = Path(sys.argv[1]), sys.argv[2]
index = json.loads(os.environ.get("TF_CONFIG", '{"task": {"index": 0}}'))["task"]["index"]
if kind == "mirrored":
    strategy = tftrain.distribute.strategy("mirrored", devices=2)
else:
    strategy = tftrain.distribute.strategy("multiworker")
splits = tftrain.data.load("digits", validation=0)
ROWS = 193  # the last batch of 64 is one row: one replica has none of its own
X, Y = splits.train.x[:ROWS].reshape(ROWS, 64), splits.train.y[:ROWS]


def sgd(**options):
    return keras.optimizers.SGD(0.1, **options)


def compressed(codec, warmup=0, **options):
    return tftrain.optim.compress_gradients(sgd(**options), codec, warmup_steps=warmup)


def model_of(optimizer, *first, **compiled):
    """64-32-10 behind layers of choice; the seed is always the same."""
    keras.utils.set_random_seed(5)
    with strategy.scope():
        layers = [keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)]
        model = keras.Sequential([keras.Input((64,)), *first, *layers])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer(), loss, **compiled)
    return model


def fit(model, x=X, epochs=1, **options):
    return model.fit(x, Y, batch_size=64, epochs=epochs, shuffle=False, verbose=0, **options)


def per_replica(variables):
    """One flat array a replica of this process."""
    parts = [strategy.experimental_local_results(variable.value) for variable in variables]
    return [np.concatenate([np.ravel(part) for part in row]) for row in zip(*parts, strict=True)]


def digests(model):
    return [
        hashlib.sha256(w.tobytes()).hexdigest()[:16] for w in per_replica(model.trainable_variables)
    ]


def sums(model):
    return [np.asarray(each.numpy()) for each in model.optimizer.gradient_compression.variables]


def trained(codec, **compiled):
    """Loss and weights after four epochs, the first step sent whole."""
    model = model_of(lambda: compressed(codec, warmup=1, momentum=0.9), **compiled)
    history = fit(model, epochs=4, callbacks=[callbacks.GradientBytes()]).history
    return {"history": history, "digests": digests(model)}


def resumed(codec):
    """What each replica owed when it was saved, and whether training goes on as if it were not."""
    with tempfile.TemporaryDirectory() as own:
        model = model_of(lambda: compressed(codec))
        fit(model, epochs=2, callbacks=[callbacks.Checkpoint(own)])
        owed = [v for v in model.optimizer.gradient_compression.variables if v.aggregation == "sum"]
        one, other = per_replica(owed)
        fit(model)
        again = model_of(lambda: compressed(codec))
        fit(again, epochs=3, callbacks=[callbacks.Checkpoint(own)])
    return {"differ": not np.array_equal(one, other), "same": digests(again) == digests(model)}


def backed_up():
    """The state that BackupAndRestore gives back, on every worker."""
    with tempfile.TemporaryDirectory() as own:
        backup = keras.callbacks.BackupAndRestore(own, delete_checkpoint=False)
        model = model_of(lambda: compressed("int8"))
        fit(model, callbacks=[backup])
        again = model_of(lambda: compressed("int8"))
        restored = keras.callbacks.BackupAndRestore(own)
        restored.set_model(again)
        with strategy.scope():
            again.optimizer.build(again.trainable_variables)
        restored.on_train_begin()
        pairs = zip(sums(model), sums(again), strict=True)
        return [float(np.abs(a).max()) > 0 and np.array_equal(a, b) for a, b in pairs]


def in_files():
    """Files of a model with a codec, read by one without and the other way round."""
    with tempfile.TemporaryDirectory() as own:
        path = str(Path(own) / "of.weights.h5")
        model, plain = model_of(lambda: compressed("int8")), model_of(sgd)
        fit(model)
        fit(plain)
        model.save_weights(path)
        plain.load_weights(path)
        steps = int(plain.optimizer.iterations.numpy())
        other = model_of(lambda: compressed("int8"))
        with strategy.scope():
            other.optimizer.build(other.trainable_variables)
        other.load_weights(path)
        same = [np.array_equal(a, b) for a, b in zip(sums(model), sums(other), strict=True)]
        plain.save_weights(path)
        other.load_weights(path)
        model.save(str(Path(own) / "model.keras"))
        kept = keras.models.load_model(str(Path(own) / "model.keras"))
        return {"steps": steps, "same": same, "kept": type(kept.optimizer).__name__}


def update_norm():
    model = model_of(lambda: compressed("powersgd:4", global_clipnorm=0.01))
    with strategy.scope():
        model.optimizer.build(model.trainable_variables)
    before = per_replica(model.trainable_variables)[0]
    model.fit(X[:64], Y[:64], batch_size=64, verbose=0)
    return float(np.linalg.norm(per_replica(model.trainable_variables)[0] - before))


def accumulated(codec):
    model = model_of(lambda: compressed(codec, gradient_accumulation_steps=2, momentum=0.9))
    fit(model, epochs=2)
    return {"digests": digests(model), "weights": per_replica(model.trainable_variables)[0][:50]}


def overflowing():
    """float16 whose first steps overflow: the state must not keep an infinity."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = model_of(
            lambda: keras.optimizers.LossScaleOptimizer(compressed("int8"), initial_scale=2.0**20)
        )
        history = fit(model, epochs=12).history
        inner = model.optimizer.inner_optimizer
        state = [each.numpy() for each in inner.gradient_compression.variables]
    finally:
        keras.mixed_precision.set_global_policy("float32")
    return {
        "skipped": 48 - int(inner.iterations.numpy()),
        "finite": all(np.isfinite(each).all() for each in state),
        "largest": max(float(np.abs(each).max()) for each in state),
        "loss": history["loss"],
        "digests": digests(model),
    }


def with_embedding(codec, momentum):
    layers = [keras.layers.Embedding(17, 64), keras.layers.Flatten()]
    model = model_of(lambda: compressed(codec, momentum=momentum), *layers)
    x = np.round(X * 16).astype("int32")
    loss = fit(model, x, epochs=3).history["loss"]
    return {"loss": loss, "bytes": model.optimizer.gradient_compression.bytes_at(0)}


def whole_with_momentum(nesterov):
    """Steps sent whole by top-k, which has taken over the momentum, beside Keras's own."""
    options = {"momentum": 0.9, "nesterov": nesterov}
    model = model_of(lambda: compressed("topk", warmup=1000, **options))
    plain = model_of(lambda: sgd(**options))
    fit(model, epochs=3)
    fit(plain, epochs=3)
    ours, theirs = (per_replica(each.trainable_variables)[0] for each in (model, plain))
    return {"apart": float(np.abs(ours - theirs).max()), "momentum": model.optimizer.momentum}


def disagreeing(error_feedback):
    """Two replicas whose large gradients cancel; only the small ones, alike, lead down."""
    optimizer = sgd()
    codec = codecs.TopK(1 / 2048, error_feedback=error_feedback)
    tftrain.optim.compress_gradients(optimizer, codec)
    with strategy.scope():
        variable = keras.Variable(np.full(2048, 1.0, np.float32))
        optimizer.build([variable])

    @tf.function(autograph=False)
    def steps():
        def step(done):
            def on_replica():
                replica = tf.distribute.get_replica_context().replica_id_in_sync_group
                large = tf.one_hot(0, 2048) * tf.where(replica == 0, 5.0, -5.0)
                optimizer.apply([variable.value * tf.one_hot(1, 2048) + large], [variable])

            strategy.run(on_replica)
            return (done + 1,)

        tf.while_loop(lambda done: done < 200, step, [0], parallel_iterations=1)

    steps()
    return float(variable.numpy()[1])


def poisoned(codec):
    """One replica has one NaN in the gradient of the first of two variables."""
    optimizer = compressed(codec)
    with strategy.scope():
        variables = [keras.Variable(np.ones((64, 32), np.float32)) for _ in range(2)]
        optimizer.build(variables)

    @tf.function(autograph=False)
    def step():
        def on_replica():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            bad = tf.where(replica == 1, np.nan, 0.5) * tf.one_hot([0] * 64, 32)
            optimizer.apply([bad, tf.ones((64, 32))], variables)

        strategy.run(on_replica)

    step()
    finite = [[bool(np.isfinite(part).any()) for part in per_replica([v])] for v in variables]
    state = optimizer.gradient_compression.variables
    return {"finite": finite, "state": all(np.isfinite(each.numpy()).all() for each in state)}


def levels():
    """A ramp of two levels behind the warm-up: bytes by step."""
    model = model_of(
        lambda: tftrain.optim.compress_gradients(
            sgd(), codecs.TopK(0.05, ramp_steps=2), warmup_steps=1
        )
    )
    fit(model)
    return [model.optimizer.gradient_compression.bytes_at(step) for step in range(5)]


NAMES = ("bf16", "fp16", "int8", "topk:0.05", "powersgd:4")
seen = {"trained": {name: trained(name) for name in ("none", *NAMES)}}
seen["many a call"] = trained("powersgd:4", steps_per_execution=3)
seen["backed up"] = backed_up()
if kind == "mirrored":
    eager = trained("topk:0.05", run_eagerly=True)
    seen |= {
        "eager": eager,
        "resumed": {name: resumed(name) for name in ("topk:0.05", "powersgd:4")},
        "in files": in_files(),
        "update norm": update_norm(),
        "overflowing": overflowing(),
        "embedding": with_embedding("int8", 0.0),
        "embedding with momentum": with_embedding("topk:0.05", 0.9),
        "whole": [whole_with_momentum(nesterov) for nesterov in (False, True)],
        "disagreeing": {str(feedback): disagreeing(feedback) for feedback in (True, False)},
        "levels": levels(),
        "poisoned": {name: poisoned(name) for name in ("int8", "topk:0.05", "powersgd:4")},
    }
    accumulations = {name: accumulated(name) for name in ("none", "fp16")}
    exact = accumulations["none"].pop("weights")
    compressed_ones = accumulations["fp16"]
    compressed_ones["apart"] = float(np.abs(compressed_ones.pop("weights") - exact).max())
    seen["accumulated"] = accumulations
(folder / f"{kind}-{index}.json").write_text(json.dumps(seen))
