"""What a mesh and a layout may be, and what the ready-made layouts cut."""

import pytest

from tftrain.distribute import layouts
from tftrain.distribute.strategy_options import check_options
from tftrain.distribute.tensor_parallel import mesh_shapes
from tftrain.errors import ConfigError, StrategyError, UnknownName

MESH = {"batch": 2, "model": 2}


@pytest.mark.parametrize("mesh", ["batch=2,model=4", {"batch": 2, "model": 4}])
def test_a_mesh_is_a_mapping_or_a_text(mesh):
    assert mesh_shapes.parse(mesh) == {"batch": 2, "model": 4}


@pytest.mark.parametrize(
    ("mesh", "named"),
    [
        ("batch=2,batch=4", "names an axis twice"),
        ("batch=two", "'batch' has size 'two'"),
        ("batch=²", "'batch' has size '²'"),
        ("batch=0", "'batch' has size 0, no whole number above 0; expected"),
        ({"batch": True}, "has size True"),
        ("2x2", "an axis named '2x2'"),
        ({}, "expected the sizes of its axes"),
        ({"a b": 2}, "an axis named 'a b'"),
        (4, "mesh is 4"),
    ],
)
def test_a_wrong_mesh_is_refused(mesh, named):
    with pytest.raises(ConfigError) as refused:
        check_options("model_parallel", mesh=mesh)
    assert named in str(refused.value)


def test_a_mesh_is_needed_and_belongs_to_one_strategy():
    with pytest.raises(ConfigError, match="needs a mesh"):
        check_options("model_parallel")
    with pytest.raises(ConfigError, match="expected only with 'model_parallel'"):
        check_options("mirrored", mesh="batch=2")


def test_an_unknown_layout_is_refused():
    with pytest.raises(ConfigError, match="layout"):
        check_options("model_parallel", mesh=MESH, layout="mpl")
    with pytest.raises(UnknownName):
        layouts.resolve("mpl", MESH)


def cut(layout, *variables):
    return [layout.axes_of(path, shape, MESH) for path, shape in variables]


def test_dense_layers_are_cut_by_columns_and_rows_in_turn():
    found = cut(
        layouts.mlp(),
        ("a/kernel", (20, 64)),
        ("a/bias", (64,)),
        ("b/kernel", (64, 32)),
        ("b/bias", (32,)),
        ("c/kernel", (32, 5)),
    )
    assert found == [(None, "model"), ("model",), ("model", None), None, None]


def test_attention_is_cut_by_heads():
    found = cut(
        layouts.attention(),
        ("att/query/kernel", (16, 4, 8)),
        ("att/query/bias", (4, 8)),
        ("att/attention_output/kernel", (4, 8, 16)),
        ("att/attention_output/bias", (16,)),
    )
    assert found == [(None, "model", None), ("model", None), ("model", None, None), None]


def test_convolutions_are_cut_by_channels_and_tables_by_rows():
    assert cut(layouts.cnn(), ("c/kernel", (3, 3, 2, 8)), ("c/bias", (8,))) == [
        (None, None, None, "model"),
        ("model",),
    ]
    assert cut(layouts.embedding(), ("t/embeddings", (40, 8))) == [("model", None)]


class TensorLayout:
    """As keras.distribution has it."""

    axes = (None, "model")


def test_a_rule_may_be_an_object_with_axes():
    layout = layouts.resolve({"up/kernel": TensorLayout()}, MESH)
    assert cut(layout, ("m/up/kernel", (4, 4)), ("m/other", (4,))) == [(None, "model"), None]


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ({"(": (None,)}, "no regular expression"),
        ({7: (None,)}, "layout key 7 is no regular expression"),
        ({"k": "model"}, "expected an axis, or None, for each dimension"),
        ({"k": ("model", "model")}, "two dimensions over one axis"),
        ({"k": ("columns",)}, "the mesh has 'batch', 'model' only"),
        (7, "layout is 7"),
    ],
)
def test_a_wrong_layout_is_refused(rules, named):
    with pytest.raises(StrategyError) as refused:
        layouts.resolve(rules, MESH)
    assert named in str(refused.value)


def test_a_ready_made_layout_needs_its_axis():
    with pytest.raises(StrategyError, match="a layout over axis 'model'"):
        layouts.resolve("mlp", {"batch": 2})
