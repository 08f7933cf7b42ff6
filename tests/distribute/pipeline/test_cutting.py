import keras

from tftrain.distribute.pipeline import cutting
from tftrain.distribute.pipeline.layer_graph import LayerGraph

layers = keras.layers


def names(parts):
    return [[node.operation.name for node in part] for part in parts]


def test_weightless_layers_stay_with_the_layer_before():
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Rescaling(2.0, name="scaled"),
            layers.Dense(8, name="first"),
            layers.ReLU(name="relu"),
            layers.Dense(8, name="second"),
        ]
    )
    parts = cutting.of(LayerGraph(model), 2, None)
    assert names(parts) == [["scaled", "first", "relu"], ["second"]]


def test_a_named_layer_begins_a_stage():
    given = keras.Input((8,))
    first = layers.Dense(8, name="first")(given)
    second = layers.Dense(8, name="second")(first)
    model = keras.Model(given, layers.Add(name="sum")([first, second]))
    assert names(cutting.of(LayerGraph(model), 2, ["sum"])) == [["first", "second"], ["sum"]]


def test_all_uses_of_a_layer_are_in_one_stage():
    given, twice = keras.Input((8,)), layers.Dense(8, name="twice")
    between = layers.Dense(8, name="between")(twice(given))
    model = keras.Model(given, layers.Dense(8, name="last")(twice(between)))
    assert names(cutting.of(LayerGraph(model), 2, None)) == [
        ["twice", "between", "twice"],
        ["last"],
    ]
