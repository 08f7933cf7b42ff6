import numpy as np
import pytest
from scipy import stats

from tests.augment.conftest import CLASSES, make_images
from tftrain import augment
from tftrain.errors import BadInput
from tftrain.keras_api import tf

COUNT = 400


@pytest.fixture(scope="module")
def marked():
    """Flat images whose value and label tell which example they are."""
    values = np.arange(COUNT, dtype=np.float32) / COUNT
    return np.broadcast_to(values[:, None, None, None], (COUNT, 6, 8, 1)).copy(), np.arange(COUNT)


def partners(labels):
    """The example that each one was mixed with, and the share it took; itself where none."""
    mixed = np.array(labels)
    own = mixed.diagonal().copy()
    np.fill_diagonal(mixed, 0)
    return mixed.argmax(axis=1), 1 - own


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_pixels_and_labels_are_mixed_alike(name, marked):
    images, labels = getattr(augment, name)(*marked, 0, classes=COUNT, alpha=1.0)
    values = np.arange(COUNT) / COUNT
    expected = np.asarray(labels) @ values
    np.testing.assert_allclose(np.mean(images, axis=(1, 2, 3)), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_everyone_has_the_partner_a_fixed_number_of_places_away(name, marked):
    for seed in range(3):
        _, labels = getattr(augment, name)(*marked, seed, classes=COUNT, alpha=1.0)
        partner, taken = partners(labels)
        steps = (partner - np.arange(COUNT))[taken > 1e-6] % COUNT
        assert len(set(steps)) == 1
        assert steps[0] != 0


def test_batches_with_other_numbers_get_other_partners(marked):
    steps = set()
    for batch in range(4):
        index = np.arange(COUNT) + batch * COUNT
        _, labels = augment.mixup(*marked, 0, index=index, classes=COUNT, alpha=1.0)
        steps.add(int(partners(labels)[0][0]))
    assert len(steps) == 4


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_draws_from_the_beta_distribution(alpha):
    images, labels = make_images(4000, 1, 1, 1), np.arange(4000)
    _, mixed = augment.mixup(images, labels, 0, classes=4000, alpha=alpha)
    own = np.asarray(mixed).diagonal()
    assert stats.kstest(own, stats.beta(alpha, alpha).cdf).pvalue > 0.001


def test_cutmix_pastes_one_rectangle_of_the_partner(marked):
    images, labels = augment.cutmix(*marked, 0, classes=COUNT)
    partner, taken = partners(labels)
    foreign = np.asarray(images)[..., 0] != marked[0][..., 0]
    high, wide = foreign.any(axis=2).sum(axis=1), foreign.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(foreign.sum(axis=(1, 2)), high * wide)
    np.testing.assert_allclose(taken, high * wide / 48, atol=1e-6)
    values = np.asarray(images)[..., 0][foreign]
    np.testing.assert_allclose(
        values, np.repeat(partner, foreign.sum(axis=(1, 2))) / COUNT, rtol=1e-6
    )


@pytest.mark.parametrize("name", ["mixup", "cutmix", "smooth_labels", "flip_labels"])
def test_one_hot_labels_are_as_good_as_class_numbers(name, images, labels):
    function = getattr(augment, name)
    one_hot = np.eye(CLASSES, dtype=np.float64)[labels]
    from_numbers = function(images, labels, 2, classes=CLASSES)[1]
    np.testing.assert_array_equal(function(images, one_hot, 2)[1], from_numbers)
    assert from_numbers.dtype == tf.float32


@pytest.mark.parametrize("name", ["mixup", "cutmix", "smooth_labels", "flip_labels"])
@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (np.zeros(6, int), None, "classes is None; expected how many classes"),
        (np.zeros(6, int), 1, "2 or more, such as classes=10"),
        (np.full(6, 5), 5, "labels run from 5 to 5; expected 0 to 4"),
        (np.full(6, -1), 5, "labels run from -1 to -1"),
        (np.zeros(6, np.float32), 5, r"expected class numbers \(integers \[B\]\)"),
        (np.zeros((6, 4), np.float32), 5, "but classes is 5"),
        (None, 5, "labels are None"),
    ],
)
def test_labels_that_cannot_be_mixed_are_refused(name, labels, classes, message, images):
    with pytest.raises(BadInput, match=message):
        getattr(augment, name)(images, labels, 0, classes=classes)


def test_in_a_graph_a_class_out_of_range_becomes_not_a_number(images):
    dataset = tf.data.Dataset.from_tensors((images, np.array([0, 1, 2, 3, 4, 5])))
    mapped = dataset.map(lambda x, y: augment.smooth_labels(x, y, 0, classes=5))
    _, soft = next(iter(mapped))
    np.testing.assert_array_equal(np.isnan(soft).all(axis=1), [False] * 5 + [True])


def test_flipped_labels_are_the_share_asked_for_and_all_other_classes_alike():
    labels = np.full(8000, 2)
    _, flipped = augment.flip_labels(None, labels, 0, classes=CLASSES, amount=0.4)
    counts = np.sum(flipped, axis=0)
    assert counts.sum() == 8000
    np.testing.assert_allclose(counts, [800, 800, 4800, 800, 800], atol=130)
