"""A small SavedModel with a signature of every kind; each version has its own answers."""

import numpy as np

from tests.signature_methods import set_methods
from tftrain.keras_api import quiet_logger, tf

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
METHODS = {"classify": CLASSIFY, "scores_only": CLASSIFY, "regress": REGRESS}
LABELS = [b"cat", b"dog", b"emu"]


def answer(x, version):
    """What version N's `serving_default` makes of x."""
    return np.asarray(x, np.float32) * 2 + 100 * version


def write(folder, versions):
    """Writes versions into a folder."""
    module = tf.Module()
    module.offset = tf.Variable(0.0)
    floats = tf.TensorSpec((None, 2), tf.float32)
    strings = tf.TensorSpec((None,), tf.string)
    makers = {
        "serving_default": (_default, {"inputs": floats}),
        "two": (_two, {"a": floats, "b": floats}),
        "strings": (_strings, {"inputs": strings}),
        "positive": (_positive, {"inputs": floats}),
        "mean": (_mean, {"inputs": floats}),
        "slow": (_slow, {"inputs": tf.TensorSpec((None,), tf.int32)}),
        "classify": (_classify, {"inputs": strings}),
        "scores_only": (_scores_only, {"inputs": strings}),
        "regress": (_regress, {"inputs": strings}),
    }
    signatures = {
        name: tf.function(lambda make=make, **inputs: make(module, **inputs)).get_concrete_function(
            **{key: tf.TensorSpec(spec.shape, spec.dtype, name=key) for key, spec in specs.items()}
        )
        for name, (make, specs) in makers.items()
    }
    for version in versions:
        module.offset.assign(100.0 * version)
        with quiet_logger():
            tf.saved_model.save(module, str(folder / str(version)), signatures=signatures)
        set_methods(folder / str(version), METHODS)


def _default(module, inputs):
    return {"outputs": inputs * 2.0 + module.offset}


def _two(module, a, b):
    return {"sum": a + b, "difference": a - b}


def _strings(module, inputs):
    return {"lower": tf.strings.lower(inputs), "length": tf.strings.length(inputs)}


def _positive(module, inputs):
    with tf.control_dependencies([tf.debugging.assert_non_negative(inputs, "a row is negative")]):
        return {"outputs": tf.sqrt(inputs)}


def _mean(module, inputs):
    return {"outputs": tf.reduce_mean(inputs, axis=0)}


def _slow(module, inputs):
    """So many products of matrices: half a millisecond each."""
    steps = tf.reduce_max(inputs)

    def step(number, matrix):
        return number + 1, tf.linalg.matmul(matrix, matrix) * 1e-3

    start = tf.ones((256, 256)) * tf.cast(module.offset > 0, tf.float32)
    _, last = tf.while_loop(lambda number, _: number < steps, step, (0, start))
    return {"outputs": tf.cast(inputs, tf.float32) + 0.0 * tf.reduce_sum(last)}


def _features(inputs):
    return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature((3,), tf.float32)})["x"]


def _classify(module, inputs):
    scores = tf.nn.softmax(_features(inputs))
    classes = tf.broadcast_to(tf.constant(LABELS), tf.shape(scores))
    return {"classes": classes, "scores": scores}


def _scores_only(module, inputs):
    return {"scores": tf.nn.softmax(_features(inputs))}


def _regress(module, inputs):
    return {"outputs": tf.reduce_sum(_features(inputs), axis=1) + module.offset}


def example(*values):
    """A serialized tf.Example with the feature that classify and regress read."""
    return tf.train.Example(
        features=tf.train.Features(
            feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=values))}
        )
    ).SerializeToString()
