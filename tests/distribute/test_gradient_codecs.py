"""Gradient codecs on replicas: one job on two logical devices, one of two workers."""

import json
import math

import pytest

from tests.launched_job import launch_job

NAMES = ["bf16", "fp16", "int8", "topk:0.05", "powersgd:4"]
LIMIT = 400  # seconds for a machine with much else to do
KERNEL, REST = 64 * 32, 32 + 320 + 10  # of the model: what is compressed, what is not


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirrored")
    result = launch_job("gradient_codecs.py", folder, "mirrored", workers=1, limit=LIMIT)
    assert result.status == 0, result.output
    return json.loads((folder / "mirrored-0.json").read_text())


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    result = launch_job("gradient_codecs.py", folder, "workers", limit=LIMIT)
    assert result.status == 0, result.output
    return [json.loads((folder / f"workers-{index}.json").read_text()) for index in (0, 1)]


def loss(seen):
    return seen["history"]["loss"]


@pytest.mark.parametrize("name", NAMES)
def test_devices_end_with_the_same_weights_to_the_bit(mirrored, name):
    first, second = mirrored["trained"][name]["digests"]
    assert first == second


@pytest.mark.parametrize("name", NAMES)
def test_workers_end_with_the_same_weights_to_the_bit(workers, name):
    first, second = (worker["trained"][name] for worker in workers)
    assert first == second


@pytest.mark.parametrize("name", NAMES)
def test_workers_train_as_devices_do(workers, mirrored, name):
    assert loss(workers[0]["trained"][name]) == pytest.approx(loss(mirrored["trained"][name]))


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("bf16", 1e-3), ("fp16", 1e-3), ("int8", 1e-3), ("powersgd:4", 0.05), ("topk:0.05", 0.3)],
)
def test_the_loss_stays_near_that_of_whole_gradients(mirrored, name, tolerance):
    whole = loss(mirrored["trained"]["none"])
    found = loss(mirrored["trained"][name])
    assert found[-1] < found[0] - 0.4
    assert found[-1] == pytest.approx(whole[-1], abs=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_a_codec_is_not_without_effect(mirrored, name):
    assert mirrored["trained"][name]["digests"] != mirrored["trained"]["none"]["digests"]


@pytest.mark.parametrize("who", ["mirrored", "workers"])
def test_several_steps_a_call_change_nothing(request, who):
    seen = request.getfixturevalue(who)
    seen = seen[0] if who == "workers" else seen
    assert seen["many a call"]["digests"] == seen["trained"]["powersgd:4"]["digests"]


def test_eager_steps_change_nothing(mirrored):
    assert mirrored["eager"]["digests"] == mirrored["trained"]["topk:0.05"]["digests"]


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("none", 4 * KERNEL),
        ("bf16", 2 * KERNEL + 4),
        ("fp16", 2 * KERNEL + 4),
        ("int8", KERNEL + 4 + 4),
        ("topk:0.05", 8 * math.ceil(0.05 * KERNEL) + 4),
        ("powersgd:4", 4 * 4 * (64 + 32) + 4),
    ],
)
def test_the_history_counts_the_bytes(mirrored, workers, name, kernel):
    steps, step, whole = 4, kernel + 4 * REST, 4 * (KERNEL + REST)
    expected = [whole + (steps - 1) * step] + 3 * [steps * step]  # the first step is sent whole
    for seen in (mirrored, *workers):
        assert seen["trained"][name]["history"]["gradient_bytes"] == expected


def test_levels_follow_one_another(mirrored):
    whole, rest = 4 * (KERNEL + REST), 4 * REST + 4
    kept = [math.ceil(fraction * KERNEL) for fraction in (0.25, 0.0625, 0.05, 0.05)]
    assert mirrored["levels"] == [whole, *(8 * count + rest for count in kept)]


@pytest.mark.parametrize("name", ["topk:0.05", "powersgd:4"])
def test_a_checkpoint_keeps_what_each_replica_owes(mirrored, name):
    assert mirrored["resumed"][name] == {"differ": True, "same": True}


@pytest.mark.parametrize("who", [0, 1])
def test_every_worker_gets_its_part_of_the_chiefs_backup(workers, mirrored, who):
    assert mirrored["backed up"] == [True]
    assert workers[who]["backed up"] == [True]


def test_files_can_be_read_with_and_without_the_codec(mirrored):
    assert mirrored["in files"] == {"steps": 4, "same": [True], "kept": "SGD"}


def test_clipping_acts_on_the_sum(mirrored):
    assert mirrored["update norm"] == pytest.approx(0.1 * 0.01, rel=1e-4)


def test_accumulated_gradients_are_exchanged_by_the_codec(mirrored):
    seen = mirrored["accumulated"]["fp16"]
    assert 0 < seen["apart"] < 1e-5
    assert len(set(seen["digests"])) == 1


def test_an_overflow_leaves_nothing_in_the_state(mirrored):
    seen = mirrored["overflowing"]
    assert seen["skipped"] > 0
    assert seen["finite"]


def test_after_overflows_training_goes_on_alike_everywhere(mirrored):
    seen = mirrored["overflowing"]
    assert seen["loss"][-1] < seen["loss"][0] - 0.4
    assert len(set(seen["digests"])) == 1


@pytest.mark.parametrize("name", ["int8", "topk:0.05", "powersgd:4"])
def test_a_nan_of_one_replica_reaches_all_in_its_own_variable_alone(mirrored, name):
    seen = mirrored["poisoned"][name]
    assert seen["finite"] == [[False, False], [True, True]]
    assert seen["state"]


def test_the_state_does_not_depend_on_the_loss_scale(mirrored):
    # Gradients are at most about 1; kept with the scale of thousands they would be far above.
    assert 0 < mirrored["overflowing"]["largest"] < 1


def test_embeddings_are_neither_compressed_nor_counted(mirrored):
    kernel = 64 * 64 * 32  # behind the embedding of 64 pixels
    assert mirrored["embedding"]["bytes"] == kernel + 4 + 4 + 4 * REST
    assert mirrored["embedding"]["loss"][-1] < mirrored["embedding"]["loss"][0]


def test_under_topk_with_momentum_embeddings_are_compressed(mirrored):
    seen = mirrored["embedding with momentum"]
    kept = math.ceil(0.05 * 64 * 64 * 32) + math.ceil(0.05 * 17 * 64)
    assert seen["bytes"] == 8 * kept + 2 * 4 + 4 * REST
    assert min(seen["loss"]) < seen["loss"][0]


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_momentum_that_topk_takes_over_is_that_of_keras(mirrored, nesterov):
    seen = mirrored["whole"][nesterov]
    assert seen["apart"] < 1e-5
    assert seen["momentum"] == 0


def test_replicas_that_disagree_need_the_error_feedback(mirrored):
    assert mirrored["disagreeing"]["False"] == 1.0  # the start: nothing useful was ever sent
    assert abs(mirrored["disagreeing"]["True"]) < 0.5


def test_replicas_that_tftrain_did_not_repair_are_refused(forked):
    done = forked("""
from tftrain.keras_api import keras, tf
import tftrain
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    tftrain.optim.compress_gradients(keras.optimizers.SGD(), "int8")
""")
    assert "StrategyError: gradient codecs need Keras as tftrain repairs it" in done.stderr
