"""Training on meshes of devices equals training on one; what cannot be, is refused."""

import json

import numpy as np
import pytest

from tests.launched_job import JOBS, run


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return job("mesh_training.py", tmp_path_factory.mktemp("mesh"))


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    return job("mesh_refusals.py", tmp_path_factory.mktemp("refusals"))


def job(name, folder):
    """What a program printed last, with all that it said."""
    done = run([str(JOBS / name), str(folder)], limit=300, CUDA_VISIBLE_DEVICES="")
    assert done.status == 0, done.output[-4000:]
    return json.loads(done.output.splitlines()[-1]) | {"output": done.output}


CASES = ("mlp", "cnn", "attention", "products", "whole slots", "clipped", "guarded")


@pytest.mark.parametrize("case", CASES)
def test_a_mesh_learns_what_one_device_learns(seen, case):
    found = seen[case]
    assert found["variables"] < 1e-5  # of the optimizer and random states too
    assert found["history"] < 1e-5
    assert found["predictions"] < 1e-5
    assert found["moved"] > 1e-3  # there was something to learn


def test_fifty_steps_of_adam_were_among_them(seen):
    assert seen["mlp"]["steps"] == 50


@pytest.mark.parametrize("case", ["mlp", "attention", "clipped"])
def test_each_device_holds_its_share(seen, case):
    assert seen[case]["share"] <= 1 / 2 + 0.05


def test_the_measured_table_names_what_is_cut(seen):
    axes, total, devices = seen["table"]["sequential_1/up/kernel"]
    assert (axes, total, devices) == (["", "model"], 20 * 64 * 4, [20 * 32 * 4] * 4)
    slots = [key for key in seen["table"] if key.endswith("up_kernel_momentum")]
    assert seen["table"][slots[0]][2] == [20 * 32 * 4] * 4


def test_what_the_devices_hold_is_said_once_a_model(seen):
    assert f"tftrain: model_parallel, {seen['line']}\n" in seen["output"]


@pytest.mark.parametrize(
    "way",
    [
        *("one", "other mesh", "slots", "weights", "eager", "h5", "tflite", "saved model"),
        *("whole", "uncompiled", "after"),
    ],
)
def test_saved_and_exported_models_are_whole(seen, way):
    assert seen["loaded"][way] < 1e-5


def test_a_file_is_cut_anew_where_it_is_loaded(seen):
    assert seen["loaded"]["share"] == 1 / 4


def test_the_command_leaves_an_ordinary_run(seen):
    found = seen["command"]
    assert found["codes"] == [0]
    assert found["accuracy"][0] == pytest.approx(found["accuracy"][1], abs=1e-6)
    assert (found["engine"], found["settings"]) == ("keras", "batch=1,model=2")
    assert found["saved model"]


def test_slots_need_not_be_cut_where_their_variables_are(seen):
    assert seen["cut slots"] == {"mlp": 6, "whole slots": 0}


def test_a_checkpoint_of_a_mesh_goes_on_on_one_device(seen):
    assert seen["resumed"] < 1e-5
    assert "going on after step 4" in seen["output"]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("too many devices", "needs 8 devices, and was asked for after TensorFlow had run"),
        ("too many devices", "there are 2 logical CPUs. Ask for 2 or fewer"),
        ("far too many devices", "needs 1000000 devices, and there is no GPU"),
        ("no such variable", "no variable matches 'no/kernel'; there are"),
        ("missing axis", "cuts over axis 'heads', and the mesh has 'batch', 'model' only"),
        ("not divisible", "over axis 'model' of size 2, and 5 is no multiple of 2"),
        ("wrong rank", "gives 1 axes"),
        ("two keys", "matches several keys of the layout"),
        ("nothing cut", "the layout cuts no variable"),
        ("recurrent", "'lstm' (LSTM: loops over steps cannot be shared out"),
        ("operation", "DTensor cannot share out the operation 'SoftsignGrad' (in 'gradient_tape/"),
        ("metric", "cannot share out the operation 'ReverseV2', which a metric or the loss has"),
        ("float64", "cannot run float64 (layer 'dense"),
        ("float64 of no variable", "cannot run float64 (layer 'wide')"),
        ("lists", "nothing"),
        ("bfloat16", "nothing"),
        ("nothing cut of a second model", "the layout cuts no variable"),
        ("eager", "run_eagerly=True"),
        ("jit", "jit_compile=True"),
        ("strings", "received strings"),
        ("function", "a tf.function reads variable"),
        ("cluster", "has 2: start it alone"),
    ],
)
def test_what_cannot_be_is_refused(refused, case, expected):
    assert expected in refused[case]


@pytest.mark.parametrize("optimizer", ["adadelta", "adafactor", "adagrad", "rmsprop"])
def test_cut_tables_learn_what_whole_ones_learn(refused, optimizer):
    difference, moved = refused["tables"][optimizer]
    assert difference < 1e-5
    assert moved > 1e-2


def test_the_trace_of_a_step_reads_and_writes_once(refused):
    assert refused["order"] == [1.0, 3.0, 7.0]
    assert refused["constant"] == [1.0, 2.0]


def test_a_training_may_be_within_the_scope(refused):
    assert refused["in scope"] < 1e-6


@pytest.mark.parametrize(
    "defect", ["fit", "variables", "convolution", "product", "quotient", "dropout"]
)
def test_canary_the_defect_is_still_there(refused, defect):
    """Where this fails, remove the repair (keras_bridge/dtensor_*.py)."""
    assert refused["defects"][defect]


def test_shares_of_a_value_cover_it(refused):
    np.testing.assert_array_equal(refused["gathered"], np.arange(24).reshape(4, 6))
