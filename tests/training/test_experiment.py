import numpy as np
import pytest

import tftrain
from tftrain.callbacks import MetricsLog
from tftrain.errors import PlanError
from tftrain.keras_api import keras
from tftrain.training import RunFolder, TrainConfig, make_strategy, prepare, run


class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def train(path, *callbacks, **settings):
    config = TrainConfig(**{"epochs": 2, "strategy": "one", **settings})
    experiment = prepare(config, tftrain.data.load("digits"), make_strategy(config))
    folder = RunFolder.create(path)
    return experiment, folder, run(experiment, folder, [MetricsLog(folder.metrics), *callbacks])


def test_the_result_is_the_saved_model_s(tmp_path):
    experiment, folder, result = train(tmp_path / "run")
    model = keras.saving.load_model(folder.model)
    test = experiment.splits.test
    loss, accuracy = model.evaluate(test.x, test.y, verbose=0)
    assert result["test_accuracy"] == pytest.approx(accuracy)
    assert result["test_loss"] == pytest.approx(loss, rel=1e-5)
    assert result["parameters"] == model.count_params()
    assert folder.read_result() == result


def test_speed_is_examples_by_the_epochs_seconds(tmp_path):
    experiment, folder, result = train(tmp_path / "run")
    seconds = sum(line["seconds"] for line in folder.read_metrics())
    examples = 2 * len(experiment.splits.train)
    assert result["examples_per_second"] == pytest.approx(examples / seconds, rel=1e-3)


def test_a_worker_that_goes_on_with_no_epoch_left_has_no_speed(tmp_path):
    """What its epochs took is known to the worker that writes only."""
    experiment, _, result = train(tmp_path / "run")
    other = RunFolder.create(tmp_path / "other")
    again = run(experiment, other, [], first_epoch=2)
    assert again["examples_per_second"] is None
    assert again["test_accuracy"] == pytest.approx(result["test_accuracy"])


def weights(model):
    return np.concatenate([array.ravel() for array in model.get_weights()])


def test_same_seed_same_weights_other_seed_others(tmp_path):
    first, second, other = (
        weights(train(tmp_path / name, seed=seed)[0].model)
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_the_optimizer_asked_for_is_used(tmp_path):
    experiment, _, _ = train(tmp_path / "run", optimizer="rmsprop", learning_rate=0.01)
    assert isinstance(experiment.model.optimizer, keras.optimizers.RMSprop)
    assert float(experiment.model.optimizer.learning_rate) == pytest.approx(0.01)


def test_an_interrupted_run_says_so_and_stays_readable(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", Interrupt())
    folder = RunFolder(tmp_path / "run")
    assert folder.read_result() == {"status": "interrupted", "epochs": 1}
    assert len(folder.read_metrics()) == 1


def test_the_planner_looks_at_the_model_that_will_be_trained():
    assert make_strategy(TrainConfig(memory_per_device="1GiB")).num_replicas_in_sync == 1
    with pytest.raises(PlanError, match=r"does not fit 1 device of 100 KiB.*is short of"):
        make_strategy(TrainConfig(memory_per_device="100KiB"))
