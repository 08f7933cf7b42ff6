"""Inputs gathered from batches."""

import numpy as np

from tftrain import given_examples


def batches(*sizes):
    for number, size in enumerate(sizes):
        yield {"x": np.full([size, 2], number), "mask": np.full([size], number)}


def test_batches_are_joined_until_there_are_enough_rows():
    found = given_examples.gathered(batches(3, 3, 3), enough=4)
    assert found["x"].shape == (6, 2)
    assert found["mask"].tolist() == [0, 0, 0, 1, 1, 1]


def test_no_more_batches_are_asked_for_than_needed():
    source = batches(3, 3, 3)
    given_examples.gathered(source, enough=3)
    assert next(source)["mask"].tolist() == [1, 1, 1]


def test_too_few_rows_are_all_given():
    assert len(given_examples.gathered(batches(2, 1), enough=100)["x"]) == 3


def test_no_batches_are_told_from_empty_ones():
    assert given_examples.gathered(iter([]), enough=4) is None
    assert given_examples.gathered(batches(0), enough=4)["x"].shape == (0, 2)
