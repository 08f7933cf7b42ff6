import json
import shlex
import subprocess

import pytest

from tftrain.keras_api import tf
from tftrain.serve import example_request


def signature(**inputs):
    from tensorflow.core.protobuf import meta_graph_pb2

    made = meta_graph_pb2.SignatureDef()
    for name, (dtype, shape) in inputs.items():
        made.inputs[name].dtype = dtype.as_datatype_enum
        made.inputs[name].tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
    return made


def body(command):
    """What the command would send."""
    if "|" in command:
        return json.loads(subprocess.check_output(command.rpartition("|")[0], shell=True))
    return json.loads(shlex.split(command)[3])


@pytest.mark.parametrize(
    ("inputs", "instance"),
    [
        ({"x": (tf.float32, (None, 2))}, [0.0, 0.0]),
        ({"x": (tf.int64, (None, 2, None))}, [[0], [0]]),
        ({"x": (tf.string, (None,))}, ""),
        ({"it's": (tf.float32, (None,)), "b": (tf.string, (None, 1))}, {"b": [""], "it's": 0.0}),
        ({"x": (tf.float32, (None, 30, 1))}, [[0.0]] * 30),
        ({"it's": (tf.float32, (None, 20)), "b": (tf.uint8, (None,))},
         {"b": 0, "it's": 20 * [0.0]}),
    ],
)  # fmt: skip
def test_what_is_pasted_sends_a_row_of_zeros(inputs, instance):
    command = example_request.curl("http://[::1]:8501", "my model", signature(**inputs))
    assert command.endswith("'http://[::1]:8501/v1/models/my%20model:predict'")
    assert body(command) == {"instances": [instance]}
