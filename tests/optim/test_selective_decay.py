"""What weight decay takes off, by the values: zero gradients leave nothing else."""

import numpy as np
import pytest

from tftrain import optim
from tftrain.keras_api import keras, tf

SPARED = ("bias", "gamma", "beta", "scale")
# Decay is undone by the rule itself at the first step, or hidden by how it begins.
DECAYING = [name for name in optim.names() if name not in ("ftrl", "schedule_free_adamw")]


def nested():
    inner = keras.Sequential(
        [keras.Input((4, 6)), keras.layers.Dense(6), keras.layers.LayerNormalization(axis=(1, 2))],
        name="bias_corrector",  # a layer's name says nothing about its kernel
    )
    x = keras.Input((4, 6))
    y = inner(x)
    y = keras.layers.MultiHeadAttention(2, 3)(y, y)
    y = keras.layers.GRU(5)(keras.layers.BatchNormalization()(y))
    return keras.Model(x, keras.layers.Dense(2)(y))


def decay_once(model, optimizer):
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    optimizer.apply([tf.zeros(v.shape) for v in model.trainable_variables])
    return {v.path: float(v.numpy().min()) for v in model.trainable_variables}


@pytest.fixture(scope="module")
def model():
    return nested()


@pytest.mark.parametrize("name", DECAYING)
def test_kernels_decay_and_nothing_else(name, model):
    optimizer = optim.optimizer(name, 0.1, weight_decay=0.5)
    left = decay_once(model, optimizer)
    assert len({path for path in left if path.endswith(SPARED)}) == 11
    for path, value in left.items():
        expected = 1.0 if path.endswith(SPARED) else 0.95
        assert value == pytest.approx(expected), path


def test_a_loaded_model_spares_the_same(model, tmp_path):
    model.compile(optim.optimizer("adamw", 0.1, weight_decay=0.5), "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    left = decay_once(again, again.optimizer)
    assert {value for path, value in left.items() if path.endswith(SPARED)} == {1.0}
    assert min(left.values()) == pytest.approx(0.95)


def test_adamw_spares_biases_with_its_own_decay_too(model):
    left = decay_once(model, optim.optimizer("adamw", 1.0))
    assert {value for path, value in left.items() if path.endswith(SPARED)} == {1.0}
    assert min(left.values()) == pytest.approx(0.996)


def test_what_is_excluded_by_hand_stays_excluded(model):
    optimizer = optim.optimizer("sgd", 0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["recurrent"])
    left = decay_once(model, optimizer)
    recurrent = [value for path, value in left.items() if "recurrent_kernel" in path]
    assert recurrent == [1.0]


def test_a_clean_process_loads_it_after_registering(model, tmp_path, python):
    rate = optim.schedule("inverse_sqrt", 0.1, total_steps=100, warmup=5)
    model.compile(optim.optimizer("lamb", rate, weight_decay=0.5), "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    done = python(
        "import tftrain, keras\n"
        "tftrain.optim.register()\n"
        f"model = keras.saving.load_model({str(tmp_path / 'model.keras')!r})\n"
        "print(type(model.optimizer).__name__)"
    )
    assert done.stdout.strip() == "SelectiveLamb", done.stderr
