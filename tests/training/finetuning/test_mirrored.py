"""Two replicas learn what one process does."""

from pathlib import Path

import numpy as np
import pytest

from tests.launched_job import arrays
from tests.training.finetuning.conftest import network
from tftrain import data, optim, training
from tftrain.keras_api import keras
from tftrain.training import pretraining

JOB = Path(__file__).with_name("mirrored_job.py")
ENCODED = 6
VIEWS = tuple(np.random.default_rng(1).random((2, ENCODED, 4, 4, 1), "float32"))


def encoder():
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()], name="encoder")


def tuned(source, **options):
    """97 examples: the last batch is one row, which one replica does not have."""
    train = data.load("digits").train
    some = train.take(np.flatnonzero(train.y < 4)[:97])
    return training.finetune(
        source,
        some,
        classes=4,
        freeze=["first", "norm", "second"],
        unfreeze_schedule={1: "second", 2: "first"},  # statistics of a replica are its own
        layer_decay=0.3,
        optimizer=optim.optimizer("adamw", 0.01, weight_decay=0.1),
        epochs=3,
        seed=0,
        shuffle=False,
        verbose=0,
        engine="multi_step",
        **options,
    )


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    return arrays(JOB, tmp_path_factory.mktemp("mirrored"))


def test_weights_and_optimizer_end_as_on_one(mirrored):
    assert mirrored["replicas"] == 2
    keras.utils.set_random_seed(0)
    alone = tuned(network()).model
    groups = {"weights": alone.weights, "state": alone.optimizer.variables}
    for group, variables in groups.items():
        for number, expected in enumerate(variables):
            received = mirrored[f"{group}/{number}"]
            np.testing.assert_allclose(received, expected.numpy(), 1e-3, 2e-5)


def test_negatives_are_those_of_the_replica(mirrored):
    pairs = mirrored["projected"]

    def loss(part):
        return float(pretraining.nt_xent()(np.zeros(len(part)), part))

    assert mirrored["loss"] == pytest.approx((loss(pairs[:3]) + loss(pairs[3:])) / 2, rel=1e-4)
    assert mirrored["loss"] != pytest.approx(loss(pairs), rel=1e-2)
