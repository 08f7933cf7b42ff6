"""Canary: Keras still adds in two operations, which loses additions made in between."""

from __future__ import annotations

from tftrain.keras_api import keras, tf


def operations_of(add):
    graph = tf.function(add).get_concrete_function().graph
    return {operation.type for operation in graph.get_operations()}


def test_unrepaired_keras_reads_then_assigns():
    counter = keras.Variable(0, dtype="int64")
    plain = getattr(keras.Variable.assign_add, "__wrapped__", keras.Variable.assign_add)
    found = operations_of(lambda: plain(counter, 1))
    assert {"ReadVariableOp", "AssignVariableOp"} <= found
    assert "AssignAddVariableOp" not in found


def test_variable_off_the_servers_goes_the_way_of_keras():
    from tftrain.distribute.keras_bridge import atomic_iterations

    atomic_iterations.install()
    counter = keras.Variable(0, dtype="int64")
    counter.assign_add(2)
    assert int(counter.numpy()) == 2
