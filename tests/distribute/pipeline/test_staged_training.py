"""Training in stages equals training on one device; jobs in processes with devices of their own."""

from pathlib import Path

import pytest

from tests.launched_job import reported

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def differences():
    return reported(HERE / "equality_job.py", limit=500)


@pytest.mark.parametrize("model", ["mlp", "cnn", "residual", "several", "masked"])
def test_fifty_steps_equal_one_device(differences, model):
    weights, history = differences[model]
    assert weights < 1e-5
    assert history < 1e-5


@pytest.fixture(scope="module")
def behaviour(tmp_path_factory):
    return reported(HERE / "behaviour_job.py", tmp_path_factory.mktemp("pipeline"), limit=500)


def test_what_devices_hold_is_told_when_a_training_begins(behaviour):
    assert "tftrain: pipeline of 2 stages, 2 micro-batches\nstage  device" in behaviour["stderr"]


def test_each_stage_holds_its_weights_and_slots(behaviour):
    assert behaviour["slots"] == [["CPU:0"], ["CPU:1"]]
    assert behaviour["slots of optimizer"] == 4 * ["CPU:0"] + 4 * ["CPU:1"]
    dense = [4 * (20 * 32 + 32), 4 * (32 * 5 + 5)]
    assert behaviour["bytes"] == [[size, 2 * size] for size in dense]


def test_a_model_that_is_not_compiled_has_a_place_too(behaviour):
    assert behaviour["uncompiled"] == [80, 80]


def test_a_bad_step_is_left_out_and_gradients_are_clipped(behaviour):
    assert behaviour["bad step left out"] == 2 * (3 - 1)


def test_a_checkpoint_goes_on_on_one_device(behaviour):
    assert behaviour["resumed on one device"] < 1e-5


def test_a_saved_model_is_loaded_into_stages_and_exported(behaviour):
    assert behaviour["loaded"] == [0.0, ["CPU:1"]]
    assert behaviour["exported"]


def test_a_model_that_has_grown_is_cut_again(behaviour):
    difference, places = behaviour["grown"]
    assert difference < 1e-5
    assert places == ["CPU:1"]


def test_tftrain_fit_takes_several_steps_an_execution(behaviour):
    assert behaviour["tftrain.fit"] < 1e-5
    assert "engine multi_step (stages of a pipeline are on several" in behaviour["stderr"]


def test_measuring_a_schedule_changes_nothing(behaviour):
    assert behaviour["changed by measuring"] == 0
    assert len(behaviour["passes"]) == 2 * 2 * 2
    assert behaviour["bubbles"] == [pytest.approx(0.5, abs=0.5), pytest.approx(1 / 3)]
    assert behaviour["picture"] == "PNG"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("more stages than devices", "'pipeline' needs 3 devices, and was asked for after"),
        ("more stages than layers", "has 1 part with weights that can be cut apart (alone)"),
        ("unknown layer", "did you mean 'second'? it has first, second"),
        ("first layer", "cut=['first']: expected layers in the order of computation"),
        ("torn layer", "the cut at 'between' lies between its uses"),
        ("shared layer", "has 1 part with weights that can be cut apart (twice)"),
        ("batch normalization", "use GroupNormalization or LayerNormalization, freeze it"),
        ("whole batches", "nothing"),
        ("activity", "has an activity_regularizer"),
        ("added loss", "layer 'adding' calls add_loss"),
        ("state", "make it with stateful=False"),
        ("small batch", "micro_batches=4 needs batches of at least as many rows, and they have 3"),
        ("xla", "leave jit_compile at 'auto'"),
        ("no shapes", "begin it with keras.Input(shape)"),
        ("subclassed", "keras.Sequential or keras.Model(inputs, outputs)"),
        ("own step", "Stepping has a train_step of its own"),
    ],
)
def test_what_cannot_be_done_is_named(behaviour, case, expected):
    assert expected in behaviour["said"][case]
