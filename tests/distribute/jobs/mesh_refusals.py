"""What model_parallel refuses, and which defects it repairs; prints JSON."""

import contextlib
import json
import os
from unittest import mock

import numpy as np

import tftrain
from tftrain.distribute.keras_bridge.wrapping import suspended
from tftrain.errors import StrategyError
from tftrain.keras_api import keras, tf

X = np.ones((8, 6), "float32")
layers = keras.layers
seen = {}


def make(layout="auto"):
    return tftrain.distribute.strategy(
        "model_parallel", mesh={"batch": 1, "model": 2}, layout=layout
    )


strategy = make()


def said(action):
    try:
        action()
    except StrategyError as error:
        return str(error)
    return "nothing"


def model_of(*inner, layout="auto", shape=(6,), optimizer="sgd", **options):
    with make(layout).scope():
        model = keras.Sequential([keras.Input(shape), *(each() for each in inner)])
        model.compile(optimizer, "mse", **options)
    return model


def fitting(*inner, x=X, **options):
    def action():
        model = model_of(*inner, **options)
        model.fit(x, np.zeros((8, model.output_shape[-1])), batch_size=4, verbose=0)

    return action


def dense(units=4, name="dense"):
    return lambda: layers.Dense(units, name=name)


tf.zeros([])  # TensorFlow runs: there are two devices from now on


seen["far too many devices"] = said(
    lambda: tftrain.distribute.strategy("model_parallel", mesh="batch=1000,model=1000")
)
seen["too many devices"] = said(
    lambda: tftrain.distribute.strategy("model_parallel", mesh="batch=2,model=4")
)
rules = {
    "no such variable": {"no/kernel": (None, "model"), "dense/kernel": (None, "model")},
    "missing axis": {"dense/kernel": (None, "heads")},
    "not divisible": {"odd/kernel": (None, "model")},
    "wrong rank": {"dense/kernel": ("model",)},
    "two keys": {"dense": (None, "model"), "kernel": (None, "model")},
    "nothing cut": "embedding",
}
for case, layout in rules.items():
    inner = [dense(5, "odd")] if case in ("not divisible", "nothing cut") else [dense()]
    shape = (5,) if case == "nothing cut" else (6,)
    x = X[:, :5] if case == "nothing cut" else X
    seen[case] = said(fitting(*inner, layout=layout, shape=shape, x=x))
seen["recurrent"] = said(
    fitting(lambda: layers.Reshape((2, 3)), lambda: layers.LSTM(4, name="lstm"), dense())
)
seen["operation"] = said(fitting(lambda: layers.Dense(4, "softsign")))
seen["metric"] = said(fitting(lambda: layers.Dense(4, "sigmoid"), metrics=["auc"]))
seen["bfloat16"] = said(fitting(dense(), lambda: layers.Dense(4, dtype="mixed_bfloat16")))
seen["float64"] = said(fitting(lambda: layers.Dense(4, dtype="float64")))
seen["float64 of no variable"] = said(
    fitting(dense(), lambda: layers.Activation("relu", dtype="float64", name="wide"))
)
seen["lists"] = said(fitting(dense(), layout={"dense/kernel": [None, "model"]}))
seen["nothing cut of a second model"] = said(fitting(dense(5, "odd"), shape=(5,), x=X[:, :5]))
seen["eager"] = said(fitting(dense(), run_eagerly=True))
seen["jit"] = said(fitting(dense(), jit_compile=True))
model = model_of(dense())
seen["function"] = said(lambda: tf.function(model, autograph=False)(X))
from tftrain.distribute.tensor_parallel.steps import MeshStep  # noqa: E402 - needs the strategy

seen["strings"] = said(lambda: MeshStep(model, lambda batch: batch)(tf.constant(["a", "b"])))


def trace_order():
    """Reads after writes, conditions among them, and a write that no read leads to."""
    with strategy.scope():
        counter, other = keras.Variable(0.0, name="counter"), keras.Variable(0.0, name="other")

    def step(batch):
        counter.assign(counter * 2)
        tf.cond(batch > 0, lambda: counter.assign_add(1.0), lambda: counter.assign(100.0))
        other.assign(batch)
        return counter + 0.0

    run = MeshStep(model, step)
    seen["order"] = [float(run(tf.constant(value))) for value in (1.0, 1.0, 2.0)]
    seen["constant"] = [float(run(tf.constant(value)) * 0 + other.numpy()) for value in (1.0, 2.0)]


trace_order()


def in_scope():
    """How far a training within the scope is from the same outside of it."""

    def weights(scope):
        keras.utils.set_random_seed(0)
        model = model_of(dense(8, "up"), dense())
        with scope:
            model.fit(X, np.zeros((8, 4)), batch_size=4, verbose=0)
            evaluated = model.evaluate(X, np.zeros((8, 4)), verbose=0)
        return [evaluated, *map(np.sum, model.get_weights())]

    inside, outside = weights(strategy.scope()), weights(contextlib.nullcontext())
    seen["in scope"] = float(np.abs(np.subtract(inside, outside)).max())


in_scope()


TABLE_OPTIMIZERS = {
    "adadelta": lambda: keras.optimizers.Adadelta(10.0),
    "adafactor": lambda: keras.optimizers.Adafactor(0.05),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1, clipnorm=0.1),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.9, centered=True),
}


def trained_table(optimizer):
    """Weights after four steps on words, of which batches hold some, several times, and not all."""
    keras.utils.set_random_seed(0)
    words = np.random.default_rng(0).integers(0, 40, (16, 6))
    model = keras.Sequential([keras.Input((6,)), layers.Embedding(40, 8), layers.Flatten()])
    model.add(layers.Dense(1))
    model.compile(optimizer(), "mse")
    before = model.get_weights()
    model.fit(words, words[:, :1] / 40, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return before, model.get_weights()


def tables():
    """How far cut tables are from whole ones, and whole ones have come."""
    found = {}
    for name, optimizer in TABLE_OPTIMIZERS.items():
        with strategy.scope():
            _, cut = trained_table(optimizer)
        with tftrain.distribute.strategy("one").scope():
            before, whole = trained_table(optimizer)
        found[name] = [
            max(float(np.abs(a - b).max()) for a, b in zip(whole, other, strict=True))
            for other in (cut, before)
        ]
    return found


seen["tables"] = tables()


def gathered():
    from tftrain.distribute.tensor_parallel import shards

    value = shards.put(np.arange(24).reshape(4, 6), strategy.layout("model", None))
    seen["gathered"] = shards.gathered(value).tolist()


gathered()


def fails(action):
    try:
        action()
    except Exception:
        return True
    return False


def fit_of_plain_variables():
    """What Keras's own `fit` says of a model whose variables are DTensor's own, not ours."""
    from tensorflow.experimental import dtensor

    model = keras.Sequential([keras.Input((6,)), layers.Dense(4)])
    model.compile("sgd", "mse")
    for variable in model.variables:
        whole = dtensor.Layout.replicated(strategy.mesh, len(variable.shape))
        variable._value = dtensor.DVariable(dtensor.copy_to_mesh(variable.value, whole))
    try:
        model.fit(X, np.zeros((8, 4)), verbose=0)
    except Exception as error:
        return str(error)
    return "nothing"


class Twice(layers.Layer):
    """Sequences by one matrix, twice."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], shape[-1]), name="kernel")

    def call(self, x):
        return tf.matmul(tf.matmul(x, self.kernel), self.kernel)


def products_as_they_are():
    """What is said of a sum of products, where they are not made one."""
    from tensorflow.python.ops import gen_math_ops

    with suspended():
        original = gen_math_ops.batch_mat_mul_v2
    with mock.patch.object(gen_math_ops, "batch_mat_mul_v2", original):
        inner = [lambda: layers.Reshape((3, 2)), Twice, layers.Flatten, dense()]
        return said(fitting(*inner, optimizer="adam"))


def quotients_as_they_are():
    """What is said of a table's update, where its divisors' zeros are looked for."""
    from keras.src.backend.tensorflow import numpy

    with suspended():
        original = numpy.divide
    with mock.patch.object(numpy, "divide", original), strategy.scope():
        return said(lambda: trained_table(TABLE_OPTIMIZERS["rmsprop"]))


def defects():
    """Each without the repairs, with as much of ours as shows it."""
    from tensorflow.experimental import dtensor

    from tftrain.distribute.tensor_parallel import shards

    images = shards.put(np.ones((2, 4, 4, 1), "float32"), strategy.layout(None, None, None, None))
    kernel = shards.put(
        np.ones((3, 3, 1, 4), "float32"), strategy.layout(None, None, None, "model")
    )
    cut = shards.put(np.ones((2, 4), "float32"), strategy.layout(None, "model"))
    seed = shards.put(np.array([1, 2]), strategy.layout(None))
    with suspended(), dtensor.default_mesh(strategy.mesh):
        alone = model_of(dense())
        convolved = fails(
            lambda: tf.function(lambda x, k: tf.nn.conv2d(x, k, 1, "VALID"))(images, kernel)
        )
        noise = tf.function(
            lambda seed: tf.random.stateless_uniform((2, 4), seed) * cut, autograph=False
        )(seed)
        plain = fit_of_plain_variables()
    return {
        "fit": "IteratorGetNext" in plain,
        "variables": alone.layers[0].kernel.value.layout.is_fully_replicated(),
        "convolution": convolved,
        "product": "operation 'Sum'" in products_as_they_are(),
        "quotient": "operation 'DTensorAllScatter'" in quotients_as_they_are(),
        "dropout": bool(
            np.abs(shards.gathered(noise) - tf.random.stateless_uniform((2, 4), [1, 2])).max()
            > 1e-6
        ),
    }


seen["defects"] = defects()
os.environ["TF_CONFIG"] = json.dumps(
    {"cluster": {"worker": ["localhost:1", "localhost:2"]}, "task": {"type": "worker", "index": 0}}
)
seen["cluster"] = said(lambda: make("mlp"))
print(json.dumps(seen))
