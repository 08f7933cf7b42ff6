import numpy as np
import pytest

import tftrain
from tftrain.errors import BadInput, DataError, UnknownName


def test_digits_are_scaled_images_with_their_facts():
    splits = tftrain.data.load("digits")
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (1293, 144, 360)
    assert splits.train.x.dtype == np.float32
    assert (splits.train.x.min(), splits.train.x.max()) == (0.0, 1.0)
    assert splits.info.shape == splits.train.x.shape[1:] == (8, 8, 1)
    assert splits.info.labels == tuple("0123456789")
    assert splits.info.licence
    assert splits.info.source


def test_splits_share_no_example_and_lose_none():
    from sklearn.datasets import load_digits

    splits = tftrain.data.load("digits")
    rows = np.concatenate([part.x for part in (splits.train, splits.validation, splits.test)])
    counted = sorted(map(bytes, rows))
    assert counted == sorted(map(bytes, (load_digits().images / 16).astype(np.float32)))


def test_every_class_is_in_every_split():
    splits = tftrain.data.load("digits")
    for part in (splits.train, splits.validation, splits.test):
        assert set(part.y) == set(range(10))


def test_splits_are_the_same_every_time():
    first, second = tftrain.data.load("digits"), tftrain.data.load("digits")
    np.testing.assert_array_equal(first.validation.x, second.validation.x)


def test_unknown_dataset_suggests_the_nearest():
    with pytest.raises(UnknownName, match=r"unknown dataset 'mnits'; did you mean 'mnist'\?"):
        tftrain.data.load("mnits")


@pytest.mark.parametrize("share", [-0.1, 1, 1.5])
def test_impossible_validation_share_is_refused(share):
    with pytest.raises(BadInput, match="expected a share"):
        tftrain.data.load("digits", validation=share)


def test_too_few_examples_for_a_validation_share(mnist_npz):
    with pytest.raises(DataError, match=r"40 training examples cannot give .* 0\.01"):
        tftrain.data.load("mnist", data_dir=mnist_npz, validation=0.01)
