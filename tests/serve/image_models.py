"""Models of pictures that need no training: they tell strokes by their direction, and colours."""

from tests.serve.sample_versions import CLASSIFY
from tests.signature_methods import set_methods
from tftrain.keras_api import quiet_logger, tf

STROKES = ["flat", "upright"]
SIDE = 28


def write_strokes(folder):
    """Float32 [B, 28, 28, 1] in 0..1 to probabilities of "flat" and "upright", and their names."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 1), tf.float32, name="inputs")])
    def serving_default(inputs):
        rows = tf.reduce_sum(tf.reduce_max(inputs, axis=[2, 3]), axis=1)
        columns = tf.reduce_sum(tf.reduce_max(inputs, axis=[1, 3]), axis=1)
        return {"outputs": tf.nn.softmax(tf.stack([columns, rows], axis=1) / 4.0)}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="inputs")])
    def classify(inputs):
        feature = tf.io.FixedLenFeature((SIDE, SIDE, 1), tf.float32)
        scores = serving_default(tf.io.parse_example(inputs, {"inputs": feature})["inputs"])
        names = tf.broadcast_to(tf.constant(STROKES), tf.shape(scores["outputs"]))
        return {"classes": names, "scores": scores["outputs"]}

    _save(module, folder, {"serving_default": serving_default, "classify": classify})
    set_methods(folder, {"classify": CLASSIFY})


def write_colours(folder):
    """Uint8 [B, 16, 16, 3] to how much red, green and blue there is, from 0 to 10."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None, 16, 16, 3), tf.uint8, name="inputs")])
    def serving_default(inputs):
        return {"outputs": tf.reduce_mean(tf.cast(inputs, tf.float32), axis=[1, 2]) / 25.5}

    _save(module, folder, {"serving_default": serving_default})


def _save(module, folder, functions):
    signatures = {name: function.get_concrete_function() for name, function in functions.items()}
    with quiet_logger():
        tf.saved_model.save(module, str(folder), signatures=signatures)
