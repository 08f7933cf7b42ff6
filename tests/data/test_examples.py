import numpy as np
import pytest

from tftrain.data.examples import Examples, checked
from tftrain.errors import DataError

X, Y = np.zeros((4, 2, 2)), np.array([0, 1, 2, 1])


def test_images_get_a_channel_and_labels_become_int64():
    examples = checked(X, Y.astype(np.uint8)[:, np.newaxis], 3, "here")
    assert examples.x.shape == (4, 2, 2, 1)
    assert examples.y.shape == (4,)
    assert examples.y.dtype == np.int64


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[0], Y, r"images have shape \(2, 2\)"),
        (X, Y[:3], "4 images but 3 labels"),
        (X[:0], Y[:0], "no examples"),
        (X.astype(str), Y, "images have type <U32"),
        (X, Y.astype(float), "labels have type float64"),
        (X, Y + 1, "labels from 1 to 3; expected 0 to 2"),
        (X, Y - 1, "labels from -1 to 1"),
        (X, np.zeros((4, 2), int), r"labels have shape \(4, 2\)"),
        (X + np.nan, Y, "not finite"),
    ],
)
def test_unusable_arrays_are_refused_by_name(x, y, message):
    with pytest.raises(DataError, match=f"^here: .*{message}"):
        checked(x, y, 3, "here")


def test_take_keeps_order_and_pairs():
    examples = Examples(np.arange(5), np.arange(5) * 10).take(np.array([3, 1]))
    assert (examples.x.tolist(), examples.y.tolist()) == ([3, 1], [30, 10])
