import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.data import Examples, pipeline, steps_per_epoch
from tftrain.errors import BadInput
from tftrain.keras_api import tf

SIZES = {"size": st.integers(1, 40), "batch_size": st.integers(1, 50)}
SEEDS = {"seed": st.integers(0, 2**31 - 1)}


def numbered(size):
    return Examples(np.arange(size, dtype=np.float32), np.arange(size))


def streamed(size):
    return tf.data.Dataset.from_tensor_slices((np.arange(size, dtype=np.float32), np.arange(size)))


SOURCES = pytest.mark.parametrize("source", [numbered, streamed], ids=["arrays", "dataset"])


def labels(dataset):
    """The labels of one pass; every example's x is its label."""
    batches = list(dataset.as_numpy_iterator())
    for x, y in batches:
        np.testing.assert_array_equal(x, y)
    return np.concatenate([y for _, y in batches]).tolist() if batches else []


@SOURCES
@settings(max_examples=15, deadline=None)
@given(**SIZES, **SEEDS)
def test_every_pass_holds_every_example_once(source, size, batch_size, seed):
    batches = pipeline(source(size), batch_size=batch_size, seed=seed)
    assert int(batches.cardinality()) == steps_per_epoch(numbered(size), batch_size)
    for _ in range(2):
        assert sorted(labels(batches)) == list(range(size))


@SOURCES
@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 40), workers=st.integers(1, 5))
def test_workers_together_read_every_example_once(source, size, workers):
    parts = [
        pipeline(source(size), batch_size=3, shard=(worker, workers)) for worker in range(workers)
    ]
    for _ in range(2):
        assert sorted(n for part in parts for n in labels(part)) == list(range(size))


@SOURCES
def test_passes_differ_and_the_same_seed_gives_the_same_passes(source):
    one, same, other = (pipeline(source(50), batch_size=7, seed=seed) for seed in (3, 3, 4))
    first, second = labels(one), labels(one)
    assert first != second
    assert [first, second] == [labels(same), labels(same)]
    assert first != labels(other)


@SOURCES
def test_a_resumed_run_goes_on_with_the_same_order(source):
    whole = pipeline(source(50), batch_size=7)
    passes = [labels(whole) for _ in range(3)]
    assert labels(pipeline(source(50), batch_size=7, first_epoch=2)) == passes[2]


@SOURCES
def test_a_repeated_pipeline_gives_the_epochs_one_after_another(source):
    once = pipeline(source(50), batch_size=7)
    repeated = pipeline(source(50), batch_size=7, repeat=True)
    assert int(repeated.cardinality()) == tf.data.INFINITE_CARDINALITY
    assert labels(repeated.take(2 * 8)) == labels(once) + labels(once)


@SOURCES
@pytest.mark.parametrize("other", [0, 1])
def test_the_global_seed_changes_no_order(source, other):
    expected = labels(pipeline(source(50), batch_size=7, seed=3))
    tf.random.set_seed(other)
    try:
        assert labels(pipeline(source(50), batch_size=7, seed=3)) == expected
    finally:
        tf.random.set_seed(None)


@SOURCES
def test_without_shuffling_the_order_is_kept(source):
    assert labels(pipeline(source(5), batch_size=2, shuffle=False)) == [0, 1, 2, 3, 4]


@SOURCES
def test_a_smaller_last_batch_can_be_left_out(source):
    batches = pipeline(source(5), batch_size=2, drop_remainder=True)
    assert batches.element_spec[1].shape == [2]
    assert len(labels(batches)) == 4


def test_a_buffer_of_one_keeps_the_order_of_a_stream():
    assert labels(pipeline(streamed(5), batch_size=2, shuffle=1)) == [0, 1, 2, 3, 4]


def test_a_cached_dataset_is_run_once():
    runs = []

    def generator():
        runs.append(1)
        yield from ((float(n), n) for n in range(4))

    spec = (tf.TensorSpec([], tf.float32), tf.TensorSpec([], tf.int64))
    dataset = tf.data.Dataset.from_generator(generator, output_signature=spec)
    batches = pipeline(dataset, batch_size=2, cache="memory")
    assert sorted(labels(batches)) == sorted(labels(batches)) == [0, 1, 2, 3]
    assert runs == [1]


def test_augmentation_knows_the_seed_the_epoch_and_the_examples():
    def noting(x, y, seed, index):
        return (x, index), seed

    batches = pipeline(numbered(6), batch_size=6, seed=9, augment=noting)
    for epoch in range(2):
        (((x, index), seed),) = batches.as_numpy_iterator()
        np.testing.assert_array_equal(x, index)
        assert seed.tolist() == [9, epoch]


def test_a_part_is_augmented_as_it_is_in_the_whole():
    def jitter(x, y, seed, index):
        draw = lambda n: tf.random.stateless_uniform([], seed=seed + n)  # noqa: E731
        return x + tf.map_fn(draw, index, fn_output_signature=tf.float32), y

    def jittered(**settings):
        batches = pipeline(numbered(9), batch_size=4, augment=jitter, **settings)
        return {int(y): float(x) for xs, ys in batches for x, y in zip(xs, ys, strict=True)}

    assert jittered(shard=(1, 2)).items() < jittered().items()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"shuffle": 0}, "shuffle is 0"),
        ({"augment": "flip"}, "augment is 'flip'; expected a function"),
        ({"prefetch": -1}, "prefetch is -1"),
        ({"shard": (3, 3)}, "0 <= index < workers"),
        ({"cache": "folder"}, "only record sets are kept in files"),
        ({"source": [1, 2]}, "source is list"),
        ({"source": (np.zeros(3), np.zeros(2))}, "arrays .x, y. of one length"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(BadInput, match=said):
        pipeline(**{"source": numbered(4), "batch_size": 2, **settings})


def test_a_dataset_of_anything_but_pairs_is_refused():
    with pytest.raises(BadInput, match="single examples"):
        pipeline(tf.data.Dataset.range(3), batch_size=2)
