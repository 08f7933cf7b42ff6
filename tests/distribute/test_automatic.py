"""What auto chooses for a model, given the memory of a device."""

import pytest

from tests.launched_job import JOBS, reported
from tftrain import distribute, planning
from tftrain.distribute import automatic
from tftrain.distribute.suitability import Suitability
from tftrain.errors import BadInput, ConfigError, PlanError, UnknownName

MIB = 2.0**20


def layer(name, parameters, kept=0.0, divisor=0):
    """Of so many parameters, that a tensor axis can split if it divides something."""
    split = parameters if divisor else 0
    return planning.LayerProfile(
        name, ((parameters,),), flops=2.0 * parameters, output=100.0,
        kept=planning.Kept(kept), split=split, divisor=max(1, divisor), reductions=1,
    )  # fmt: skip


def profile(*layers):
    return planning.ModelProfile("model", layers, slots=2.0)


SPLITTABLE = profile(*(layer(str(number), 1_000_000, divisor=8) for number in range(4)))
WHOLE = profile(*(layer(str(number), 1_000_000) for number in range(4)))
# Weights, gradients and slots of four million parameters take 61 MiB, an update 8 more.


def decide(model, memory, devices=4, batch=64, **more):
    return automatic.decide(model, batch_size=batch, memory=memory * MIB, devices=devices, **more)


def test_data_parallelism_where_the_model_fits_a_device():
    choice = decide(SPLITTABLE, 100)
    assert (choice.name, choice.options) == ("mirrored", {"devices": 4})
    assert choice.why.startswith("4 data: 68.7 MiB of 100 MiB a device")


def test_one_device_where_there_is_one():
    assert decide(SPLITTABLE, 100, devices=1).name == "one"


def test_layers_are_split_where_it_does_not_fit():
    choice = decide(SPLITTABLE, 40)
    assert choice.name == "model_parallel"
    mesh = choice.options["mesh"]
    assert mesh["batch"] * mesh["model"] == 4
    assert mesh["model"] > 1
    assert "the whole model on each of 4 devices is short of 28.7 MiB" in choice.why


def test_a_mesh_as_long_as_memory_asks_for():
    assert decide(SPLITTABLE, 20).options["mesh"] == {"batch": 1, "model": 4}


def test_a_pipeline_where_layers_cannot_be_split():
    choice = decide(WHOLE, 40)
    assert choice.name == "pipeline"
    assert choice.options["stages"] > 1
    assert 64 % choice.options["micro_batches"] == 0


def test_no_mesh_for_a_model_that_a_mesh_cannot_run():
    choice = decide(SPLITTABLE, 40, suited=Suitability(model_parallel="no LSTM"))
    assert choice.name == "pipeline"
    assert choice.why.endswith("; model_parallel cannot run it")


def test_no_mesh_whose_layout_would_cut_nothing():
    odd = (("odd/kernel", (7, 5)), ("odd/bias", (5,)))
    assert decide(SPLITTABLE, 40, suited=Suitability(variables=odd)).name == "pipeline"
    even = (("even/kernel", (8, 8)),)
    assert decide(SPLITTABLE, 40, suited=Suitability(variables=even)).name == "model_parallel"


def test_whole_batches_where_parts_of_one_are_refused():
    choice = decide(WHOLE, 40, suited=Suitability(micro_batches="no BatchNormalization"))
    assert (choice.name, choice.options["micro_batches"]) == ("pipeline", 1)


def test_what_keeps_a_model_from_being_divided_is_told():
    suited = Suitability(model_parallel="no LSTM", micro_batches="only whole batches", parts=1)
    with pytest.raises(PlanError) as caught:
        decide(SPLITTABLE, 40, suited=suited)
    problems = caught.value.problems
    assert "is short of" in problems[0]
    assert problems[1:] == (
        "no LSTM",
        "only whole batches",
        "it has 1 part for stages to have",
    )


def test_nothing_fits():
    with pytest.raises(
        PlanError, match=r"does not fit 4 devices of 10.0 MiB.*is short of 12\.9 MiB"
    ):
        decide(WHOLE, 10)


def test_workers_share_data_alone():
    assert decide(SPLITTABLE, 100, devices=1, workers=4).name == "multiworker"
    with pytest.raises(PlanError):
        decide(SPLITTABLE, 40, devices=1, workers=4)


def test_a_batch_that_cannot_be_shared_evenly_takes_fewer_devices():
    assert decide(SPLITTABLE, 100, batch=2).options == {"devices": 2}


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        ({"memory_per_device": "2GiB"}, ConfigError, "batch_size is None; expected 1 or more"),
        ({"memory_per_device": "2GiB", "batch_size": 1}, ConfigError, "model is NoneType"),
        ({"memory_per_device": "2"}, ConfigError, "memory_per_device is '2': a unit is missing"),
        ({"memory_per_device": "2XB"}, ConfigError, "memory_per_device is '2XB': unknown unit"),
        ({"batch_size": 2}, ConfigError, "mean something with memory_per_device alone"),
    ],
)
def test_what_is_missing_is_named(options, error, expected):
    with pytest.raises(error) as caught:
        distribute.strategy("auto", **options)
    assert expected in str(caught.value)


def test_memory_is_for_auto_alone():
    with pytest.raises(ConfigError, match="with strategy 'mirrored': expected only with 'auto'"):
        distribute.strategy("mirrored", memory_per_device="2GiB")
    with pytest.raises(UnknownName):
        distribute.strategy("automatic", memory_per_device="2GiB")


def test_a_built_model_is_refused():
    from tftrain import models

    with pytest.raises(
        ConfigError, match=r"model is the model 'sequential.*expected .* a function"
    ):
        automatic.check(models.linear((4,)), 8)


@pytest.fixture(scope="module")
def before_tensorflow_runs():
    return reported(JOBS / "automatic.py")


def test_a_model_is_looked_at_without_starting_tensorflow(before_tensorflow_runs):
    assert before_tensorflow_runs["runs"] is False
    assert before_tensorflow_runs["choice"][0] == "model_parallel"


def test_a_model_is_divided_as_its_layers_allow(before_tensorflow_runs):
    name, options, why = before_tensorflow_runs["recurrent"]
    assert (name, options) == ("pipeline", {"stages": 2, "micro_batches": 1})
    assert "model_parallel cannot run it" in why


def test_the_strategy_that_was_chosen_is_made(before_tensorflow_runs):
    assert before_tensorflow_runs["replicas"] == 2
    assert before_tensorflow_runs["again"] is True
    told = "auto chooses mirrored by memory_per_device: 2 data: "
    assert told in before_tensorflow_runs["stderr"]


def test_what_fails_while_a_model_is_looked_at_is_told(before_tensorflow_runs):
    assert "ZeroDivisionError: division by zero" in before_tensorflow_runs["fails"]
    assert "automatic.py, line" in before_tensorflow_runs["fails"]
    assert "ended with 7" in before_tensorflow_runs["ends"]


def test_memory_that_is_no_size():
    with pytest.raises(BadInput, match="memory_per_device is '2GB/s'"):
        automatic.choose(SPLITTABLE, batch_size=1, memory_per_device="2GB/s", devices=1)
