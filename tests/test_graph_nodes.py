"""The operations of a graph."""

from tftrain import graph_nodes
from tftrain.keras_api import tf


def graph_of(function):
    signature = tf.TensorSpec([2], "float32")
    return tf.function(function, input_signature=[signature]).get_concrete_function().graph


def operations(function):
    return {node.op for node in graph_nodes.all_nodes(graph_of(function).as_graph_def())}


def test_operations_of_the_graph_are_given():
    assert "Cos" in operations(tf.cos)


def test_operations_of_branches_are_given():
    def branches(x):
        return tf.cond(tf.reduce_sum(x) > 0, lambda: tf.cos(x), lambda: tf.sin(x))

    assert {"Cos", "Sin"} <= operations(branches)


def test_calls_of_python_are_known():
    assert operations(lambda x: tf.py_function(abs, [x], "float32")) & graph_nodes.PYTHON
    assert operations(lambda x: tf.numpy_function(abs, [x], "float32")) & graph_nodes.PYTHON
