"""Comparisons and shares, without a cluster; jobs of real workers are in test_multiworker."""

import pytest

from tftrain.distribute import data_shares, fingerprints, preflight
from tftrain.distribute.clusters import Cluster
from tftrain.keras_api import keras, tf

CLUSTER = Cluster(("a:1", "b:1", "c:1"))


def reports(**changes):
    made = {f"worker {i}": {"examples": 8, "topics": {"TensorFlow": "2.21.0"}} for i in range(3)}
    made["worker 2"].update(changes)
    return made


def small_model(**options):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, **options)])
    model.compile("adam", "mse")
    return model


def test_workers_that_agree_have_no_problem():
    assert preflight._problem(CLUSTER, reports()) is None


def test_different_tensorflow_versions():
    problem = preflight._problem(CLUSTER, reports(topics={"TensorFlow": "2.20.0"}))
    assert "worker 2 differs from worker 0 in TensorFlow" in problem
    assert "'2.20.0' in worker 2, '2.21.0' in worker 0" in problem


def test_a_worker_without_data():
    assert "worker 2 has no data" in preflight._problem(CLUSTER, reports(examples=0))


def test_every_worker_says_the_same_whoever_looks():
    found = reports(topics={"TensorFlow": "2.20.0"})
    backwards = dict(reversed(found.items()))
    assert preflight._problem(CLUSTER, found) == preflight._problem(CLUSTER, backwards)


def test_the_same_model_has_the_same_fingerprint_whatever_its_automatic_names():
    assert (
        fingerprints.difference(fingerprints.of(small_model()), fingerprints.of(small_model()))
        is None
    )


def test_a_different_activation_is_found():
    here, there = fingerprints.of(small_model(activation="relu")), fingerprints.of(small_model())
    assert fingerprints.difference(here, there).startswith("layer ")


def test_a_different_loss_function_is_found():
    one, other = small_model(), small_model()
    other.compile("adam", keras.losses.Huber(delta=2.0))
    assert "loss" in fingerprints.difference(fingerprints.of(one), fingerprints.of(other))


def test_different_data_are_found():
    spec = tf.TensorSpec([None, 3], tf.float32)
    here = fingerprints.of(small_model(), (spec, spec))
    there = fingerprints.of(small_model(), (spec, tf.TensorSpec([None, 3], tf.int32)))
    assert fingerprints.difference(here, there).startswith("data: 'float32[None, 3], float32")


def test_a_long_difference_is_shown_where_it_begins():
    text = fingerprints.difference({"x": "a" * 300 + "b"}, {"x": "a" * 300 + "c"})
    assert text == f"x: '...{'a' * 60}b' here, '...{'a' * 60}c' there"


@pytest.mark.parametrize(
    ("make", "examples", "files"),
    [
        (lambda: tf.data.Dataset.range(10).batch(4), 10, None),
        (lambda: tf.data.Dataset.range(10).shuffle(4).batch(4).prefetch(1), 10, None),
        (lambda: tf.data.Dataset.range(10).batch(4).repeat(), -1, None),
        (lambda: tf.data.Dataset.range(10).filter(lambda x: x > 3).batch(2), None, None),
        (lambda: tf.data.TFRecordDataset(["a", "b", "c"]).batch(2), None, 3),
        (
            lambda: (
                tf.data.Dataset.from_tensor_slices(["a", "b"])
                .interleave(tf.data.TFRecordDataset)
                .batch(2)
            ),
            None,
            2,
        ),
    ],
)
def test_shares_of_datasets(make, examples, files):
    share = data_shares.share_of(make())
    assert (share.examples, share.files) == (examples, files)


def test_sharding_policy_is_told():
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    assert data_shares.share_of(tf.data.Dataset.range(4).with_options(options)).policy == "DATA"


def test_without_a_cluster_there_is_nothing_to_check():
    assert preflight.check(tf.distribute.get_strategy(), small_model()) is None


@pytest.mark.parametrize(
    ("share", "said"),
    [
        ({"examples": 7, "files": 1}, "7 examples in 1 file, about 4 a worker; every worker reads"),
        ({"examples": -1}, "examples without end; every worker reads all"),
        ({"files": 3}, "an unknown number of examples in 3 files; every worker"),
        ({"examples": 8, "policy": "OFF"}, "all that its own dataset gives (sharding policy OFF)"),
    ],
)
def test_shares_are_told_in_words(share, said):
    assert said in data_shares.Share(**share).describe(workers=2)


def test_a_chief_that_is_late_after_a_first_training_is_waited_for(monkeypatch):
    """Its check of that training says nothing of the variables that come after it."""
    looks = iter([None, None, "'kernel' float32[4]"])

    def read(key, seconds):
        return next(looks) if key == "variable/7" else {"preflight/0/worker 0": "{}"}.get(key)

    monkeypatch.setattr(preflight, "_checks", 1)
    monkeypatch.setattr(preflight.notice_board, "read", read)
    worker = Cluster(("a:1", "b:1"), task_index=1)
    preflight._compare_variable(worker, 7, 1.0, {"name": "kernel"}, tf.zeros([4]))
    assert next(looks, "all looks were taken") == "all looks were taken"
