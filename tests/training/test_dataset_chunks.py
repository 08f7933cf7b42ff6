"""Chunks hold the dataset's batches, all of them, in order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.keras_api import tf
from tftrain.training.dataset_chunks import DatasetChunks


def rows_of(chunks, capacity, wanted=None):
    """The batches of a pass, each an array."""
    found, reading = [], chunks.open(capacity)
    while reading.load(wanted or capacity):
        for run in reading.take():
            found += [run.batch(index).numpy() for index in range(run.steps)]
    return found


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 40),
    size=st.integers(1, 9),
    capacity=st.integers(1, 8),
    counted=st.booleans(),
    ahead=st.booleans(),
)
def test_every_batch_comes_once_and_in_order(rows, size, capacity, counted, ahead):
    dataset = tf.data.Dataset.range(rows).batch(size)
    chunks = DatasetChunks(dataset if counted else dataset.filter(lambda batch: True))
    if ahead:
        chunks.sample(capacity)  # batches looked at are not lost
    expected = list(dataset.as_numpy_iterator())
    for found in (rows_of(chunks, capacity), rows_of(chunks, capacity)):
        assert [batch.tolist() for batch in found] == [batch.tolist() for batch in expected]


def test_batches_can_be_taken_singly_before_a_chunk():
    reading = DatasetChunks(tf.data.Dataset.range(20).batch(2)).open(3)
    assert reading.load(3) == 3
    assert [next(reading).numpy().tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    (run,) = reading.take()
    assert run.batch(0).numpy().tolist() == [4, 5]


def test_batches_looked_at_can_be_taken_singly():
    reading = DatasetChunks(tf.data.Dataset.range(20).batch(2).filter(lambda b: True)).open(3)
    assert reading.load(3) == 3
    assert next(reading).numpy().tolist() == [0, 1]
    assert reading.load(3) == 2
    assert [run.batch(0).numpy().tolist() for run in reading.take()] == [[2, 3]]


def test_looking_again_does_not_read_again():
    passes = []

    def numbers():
        passes.append(1)
        yield from range(6)

    dataset = tf.data.Dataset.from_generator(numbers, output_signature=tf.TensorSpec([], tf.int32))
    chunks = DatasetChunks(dataset.batch(2))
    looked = [chunks.sample(2).columns.numpy().tolist() for _ in range(2)]
    assert looked == [[0, 1, 2, 3]] * 2
    assert [batch.tolist() for batch in rows_of(chunks, 2)] == [[0, 1], [2, 3], [4, 5]]
    assert len(passes) == 1


def test_kinds_of_batches_do_not_mix():
    for shape in ((3,), (4,), (3, 2), (5, 2, 2), (3,)):
        values = np.zeros((10, *shape), "float32")
        dataset = tf.data.Dataset.from_tensor_slices((values, values)).batch(4)
        run = DatasetChunks(dataset).sample(2)
        assert run.columns[0].shape == (8, *shape)


def ragged(batch):
    return tf.RaggedTensor.from_row_lengths(batch, [1, 1])


@pytest.mark.parametrize(
    ("dataset", "text"),
    [
        (tf.data.Dataset.from_tensor_slices(["a"]).batch(1), "Tensor"),
        (tf.data.Dataset.range(4), "may vary"),
        (tf.data.Dataset.range(4).batch(2).map(ragged), "RaggedTensor"),
    ],
)
def test_what_cannot_be_put_together_is_refused(dataset, text):
    with pytest.raises(TypeError, match=text):
        DatasetChunks(dataset)
