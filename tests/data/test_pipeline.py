import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.data import Examples, steps_per_epoch, training_batches
from tftrain.keras_api import tf


def epochs(count, size, batch_size, seed=0, first_epoch=0):
    """The labels drawn in each of `count` epochs."""
    examples = Examples(np.arange(size, dtype=np.float32), np.arange(size))
    steps = steps_per_epoch(examples, batch_size)
    drawn = training_batches(examples, batch_size, seed=seed, first_epoch=first_epoch)
    batches = list(drawn.take(count * steps).as_numpy_iterator())
    for x, y in batches:
        np.testing.assert_array_equal(x, y)
    return [
        np.concatenate([y for _, y in batches[epoch * steps : (epoch + 1) * steps]]).tolist()
        for epoch in range(count)
    ]


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 40), batch_size=st.integers(1, 50), seed=st.integers(0, 2**31 - 1))
def test_every_epoch_holds_every_example_once(size, batch_size, seed):
    for epoch in epochs(2, size, batch_size, seed):
        assert sorted(epoch) == list(range(size))


def test_epochs_differ():
    first, second = epochs(2, 50, 7)
    assert first != second


def test_same_seed_same_order():
    assert epochs(2, 50, 7, seed=3) == epochs(2, 50, 7, seed=3)
    assert epochs(2, 50, 7, seed=3) != epochs(2, 50, 7, seed=4)


def test_a_resumed_run_goes_on_with_the_same_order():
    assert epochs(3, 50, 7)[1:] == epochs(2, 50, 7, first_epoch=1)


def test_the_batches_say_that_they_have_no_end():
    examples = Examples(np.zeros((5, 1), np.float32), np.zeros(5, np.int64))
    batches = training_batches(examples, 2, seed=0)
    # workers would otherwise ask one another before every step whether there is a batch
    assert int(batches.cardinality()) == tf.data.INFINITE_CARDINALITY
