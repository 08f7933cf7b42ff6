"""Which layers are trained when."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.finetuning.conftest import network
from tftrain.errors import BadInput, FineTuningError
from tftrain.keras_api import keras
from tftrain.training.finetuning import stages
from tftrain.training.finetuning.layers import learning_layers, train_only, trained

EVERY = ("first", "norm", "second", "head")


def trained_at_first(model, freeze):
    return stages.stages(model, freeze, None, 3)[0].trained


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        (0, EVERY),
        (1, ("second", "head")),  # a normalization goes with the layer before it
        (2, ("head",)),
        (-1, ("head",)),
        (-2, ("second", "head")),
        (0.34, ("second", "head")),
        (0.0, EVERY),
        ("second", ("first", "norm", "head")),
        (["first", "sec*"], ("norm", "head")),
        ("[fns]*", ("head",)),
    ],
)
def test_what_is_frozen(freeze, expected, model):
    assert trained_at_first(model, freeze) == expected


@pytest.mark.parametrize(
    ("thaw", "expected"),
    [(2, ("second", "head")), (1.0, EVERY), ("first", ("first", "head")), ("*", EVERY)],
)
def test_what_is_thawed_is_added(thaw, expected, model):
    first, second = stages.stages(model, -1, {2: thaw}, 3)
    assert (first.trained, second.trained) == (("head",), expected)
    assert second.epochs_before == 2


def test_without_freeze_layers_stay_as_they_are(model):
    model.get_layer("second").trainable = False
    assert trained_at_first(model, None) == ("first", "norm", "head")
    assert trained_at_first(model, 0) == EVERY


def nested():
    backbone = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(3, name="b")],
        name="backbone",
    )
    return keras.Sequential([backbone, keras.layers.Dense(2, name="head")])


def test_models_within_models_are_named_and_looked_into():
    model = nested()
    assert [each.name for each in learning_layers(model)] == ["backbone/a", "backbone/b", "head"]
    assert trained_at_first(model, "backbone") == ("head",)
    assert trained_at_first(model, "a") == ("backbone/b", "head")
    assert trained_at_first(model, "backbone/b") == ("backbone/a", "head")


def test_a_model_frozen_as_a_whole_thaws_in_part():
    model = nested()
    model.get_layer("backbone").trainable = False
    layers = learning_layers(model)
    assert [each.name for each in trained(model, layers)] == ["head"]
    train_only(model, layers, layers[1:])
    assert [v.path.split("/")[-2] for v in model.trainable_variables] == ["b", "b", "head", "head"]


@given(st.integers(-3, 2), st.lists(st.integers(0, 3), max_size=3))
@settings(max_examples=12, deadline=None)
def test_stages_only_ever_add(freeze, thawed):
    if freeze == -3:
        freeze = 0  # all but all
    schedule = dict(enumerate(thawed, start=1))
    made = stages.stages(network(compiled=False), freeze, schedule, 5)
    assert made[0].trained
    for before, after in itertools.pairwise(made):
        assert set(before.trained) <= set(after.trained)


@pytest.mark.parametrize("freeze", ["*", 3, 1.0, list(EVERY)])
def test_freezing_everything_is_refused(freeze, model):
    with pytest.raises(FineTuningError, match="freezes everything: of the 4 layers with weights"):
        stages.stages(model, freeze, {1: "*"}, 3)


@pytest.mark.parametrize(
    ("freeze", "schedule", "messages"),
    [
        ("secnd", None, ["no layer with weights is called 'secnd'; did you mean 'second'? known:"]),
        ("flatten*", None, ["no layer with weights is called 'flatten*'"]),
        (4, None, ["freeze is 4, but the model has 3 layers with weights"]),
        (1.5, None, ["freeze is 1.5; expected names or patterns"]),
        (True, None, ["freeze is True; expected names or patterns"]),
        ([], None, ["freeze is []; expected"]),
        (-1, {3: "*"}, ["unfreeze_schedule names 3 epochs; expected 1 to 2"]),
        (-1, {0: "*"}, ["unfreeze_schedule names 0 epochs; expected 1 to 2"]),
        ("hed", {1: "frst", 2: 9}, ["mean 'head'", "mean 'first'", "2 epochs is 9"]),
    ],
)
def test_all_mistakes_are_told_at_once(freeze, schedule, messages, model):
    with pytest.raises(FineTuningError) as refused:
        stages.stages(model, freeze, schedule, 3)
    assert len(refused.value.problems) == len(messages)
    for problem, message in zip(refused.value.problems, messages, strict=True):
        assert message in problem


@pytest.mark.parametrize("text", ["2", "2:", ":dense", "x:dense", "1:a,1:b", ""])
def test_an_unreadable_schedule_is_refused(text):
    with pytest.raises(BadInput, match="the unfreeze schedule"):
        stages.parse_schedule(text)


def test_a_schedule_as_written():
    assert stages.parse_schedule("1:2,3:conv*+dense,4:0.5") == {1: 2, 3: ["conv*", "dense"], 4: 0.5}
