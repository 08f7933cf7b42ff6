"""Labels and how many of them."""

import re

import numpy as np
import pytest

from tftrain import data, training
from tftrain.errors import FineTuningError
from tftrain.keras_api import keras
from tftrain.training.finetuning import labels

IMAGES = np.zeros((6, 2, 2, 1), "float32")


def test_a_few_of_each_class_drawn_by_the_seed(high_digits):
    few = training.few_labels(high_digits, 4, seed=1)
    assert np.bincount(few.y).tolist() == [4] * 5
    np.testing.assert_array_equal(few.x, training.few_labels(high_digits, 4, seed=1).x)
    assert not np.array_equal(few.x, training.few_labels(high_digits, 4, seed=2).x)


@pytest.mark.parametrize(
    ("count", "message"), [(0, "expected 1 or more"), (3, "class 1 has 2 examples: choose fewer")]
)
def test_more_than_there_are_is_refused(count, message):
    examples = data.Examples(IMAGES, np.array([0, 0, 0, 0, 1, 1]))
    with pytest.raises(FineTuningError, match=message):
        training.few_labels(examples, count)


@pytest.mark.parametrize(
    ("loss", "form"),
    [
        ("sparse_categorical_crossentropy", labels.SPARSE),
        (keras.losses.SparseCategoricalCrossentropy(), labels.SPARSE),
        (keras.losses.categorical_crossentropy, labels.ONE_HOT),
        ("binary_crossentropy", labels.BINARY),
        ("mse", None),
    ],
)
def test_how_a_loss_takes_labels(loss, form):
    assert labels.form_of(loss) == form


@pytest.mark.parametrize(
    ("y", "form", "message"),
    [
        ([0, 1, 2, 3, 4, 5], labels.SPARSE, "labels from 0 to 5; expected 0 to 2, for 3 classes"),
        ([0, 1, -1, 0, 0, 0], labels.SPARSE, "labels from -1 to 1; expected 0 to 2"),
        ([0, 0.5, 1, 1, 1, 1], labels.SPARSE, "not whole numbers"),
        ([0, 1, 2, 0, 1, 2], labels.BINARY, "expected 0 to 1, for 2 classes"),
        (np.eye(6), labels.SPARSE, r"labels have shape \(6, 6\); expected \[N\]"),
        ([0] * 6, labels.ONE_HOT, r"expected \[N, 3\], one-hot"),
        ([0] * 6, labels.SEVERAL, r"expected \[N, 3\], 0 or 1 for each"),
        (list("012012"), labels.SPARSE, "labels are of <U1; expected numbers, 0 to 2"),
        ([0], labels.SPARSE, "6 inputs, but 1 labels"),
    ],
)
def test_labels_that_a_loss_cannot_take(y, form, message):
    (problem,) = labels.problems(IMAGES, np.asarray(y), form, 3, "train")
    assert re.search(message, problem)


def test_no_labels_are_refused():
    assert list(labels.problems(IMAGES, None, labels.SPARSE, 3, "train")) == [
        "train: no labels; expected one for each input"
    ]


def test_labels_as_they_should_be():
    for y, form in (([0, 1, 2, 2, 1, 0], labels.SPARSE), (np.eye(6)[:, :3], labels.ONE_HOT)):
        assert not list(labels.problems(IMAGES, np.asarray(y), form, 3, "train"))
