"""What a training used: in every engine, with data that come at once and data that do not."""

import json
import time

import numpy as np
import pytest

import tftrain
from tests.event_files import scalars
from tftrain.callbacks import MetricsLog, ResourceMonitor, watched_steps
from tftrain.callbacks.resource_warnings import ResourceWarnings
from tftrain.errors import BadInput, CallbackError
from tftrain.keras_api import keras, tf
from tftrain.resources import ControlGroups, Disk, InputWait, Memory

ENGINES = {"keras": 256, "multi_step": 256, "fused_epoch": 8, "fused_epoch_xla": 8}  # batch sizes
SLOW = 0.03  # seconds a batch
FLOPS = 3 * (2 * (64 * 1024 + 1024) + 1025)
X = np.random.default_rng(0).random((16384, 64), dtype=np.float32)
Y = X.sum(axis=1, keepdims=True)


class Figures(keras.callbacks.Callback):
    """The monitor's figures of every epoch."""

    needs_every_batch = False

    def __init__(self, monitor):
        super().__init__()
        self.monitor, self.epochs = monitor, []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.monitor.last)


def compiled_model():
    layers = [keras.layers.Dense(1024, activation="relu"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((64,)), *layers])
    model.compile("sgd", "mse")
    return model


def slow_dataset():
    def wait():
        time.sleep(SLOW)
        return np.int32(0)

    def slowly(x, y):
        with tf.control_dependencies([tf.numpy_function(wait, [], tf.int32)]):
            return tf.identity(x), tf.identity(y)

    return tf.data.Dataset.from_tensor_slices((X[:320], Y[:320])).batch(16).map(slowly)


def figures_of(engine, epochs=2, **data):
    seen = Figures(ResourceMonitor(peak_flops=1e9))
    callbacks = [seen.monitor, seen]
    tftrain.fit(
        compiled_model(), **data, epochs=epochs, verbose=0, engine=engine, callbacks=callbacks
    )
    return seen.epochs


@pytest.fixture(scope="module", params=ENGINES)
def of_arrays(request):
    data = {"x": X, "y": Y, "batch_size": ENGINES[request.param], "validation": (X[:64], Y[:64])}
    return figures_of(request.param, **data, epochs=6)


@pytest.fixture(scope="module", params=ENGINES)
def of_slow_dataset(request):
    return figures_of(request.param, x=slow_dataset())


def test_arrays_are_not_waited_for(of_arrays):
    # tf.data needs now and then 0.3 s to open a dataset, which counts
    assert min(each["input_wait_share"] for each in of_arrays[1:]) < 0.3


def test_data_that_come_slowly_are(of_slow_dataset):
    assert of_slow_dataset[1]["input_wait_share"] > 0.6


def test_examples_per_second_are_those_of_the_training_part(of_arrays):
    for each in of_arrays:
        assert each["examples_per_second"] * each["seconds"] == pytest.approx(16384)


def test_utilization_is_work_by_time_by_peak(of_arrays):
    last = of_arrays[-1]
    assert last["flops_per_example"] == FLOPS
    done = last["flops_per_example"] * last["examples_per_second"]
    assert last["flop_utilization"] == pytest.approx(done / 1e9)


def test_machine_and_process_are_told_of(of_arrays):
    assert {"cpu_share", "memory_share", "disk_free_bytes"} <= of_arrays[0].keys()


def test_plain_keras_is_watched_too():
    seen = Figures(ResourceMonitor(peak_flops=1e9))
    model = compiled_model()
    callbacks = [seen.monitor, seen]
    history = model.fit(slow_dataset(), epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
    assert seen.epochs[1]["input_wait_share"] > 0.6
    assert list(history.history) == ["loss"]  # as without it


def test_a_dataset_that_is_not_tuned_tells_nothing():
    options = tf.data.Options()
    options.autotune.enabled = False
    epochs = figures_of("keras", x=slow_dataset().with_options(options))
    assert "input_wait_share" not in epochs[1]
    assert epochs[1]["examples_per_second"] > 0


def test_many_executions_in_an_epoch(monkeypatch):
    monkeypatch.setattr("tftrain.training.fit_data._SEVERAL", 4)
    assert figures_of("multi_step", x=slow_dataset())[1]["input_wait_share"] > 0.6


def test_a_dataset_of_unknown_length():
    unknown = slow_dataset().take(12).filter(lambda x, y: True)
    epochs = figures_of("fused_epoch", x=unknown)
    assert epochs[1]["input_wait_share"] > 0.6


MIRRORED = """
import tests.callbacks.test_resources as here
from tftrain.distribute import strategy
with strategy("mirrored", devices=2).scope():
    slow = here.figures_of("keras", x=here.slow_dataset())[1]
    arrays = here.figures_of("multi_step", epochs=6, x=here.X, y=here.Y, batch_size=256)[1:]
    fast = min(arrays, key=lambda each: each["input_wait_share"])
    examples = round(fast["examples_per_second"] * fast["seconds"])
    print(slow["input_wait_share"] > 0.6, fast["input_wait_share"] < 0.4)
    print(examples, fast["flops_per_example"])
"""


def test_replicas_wait_too(forked):
    done = forked(MIRRORED)
    assert done.stdout.splitlines() == ["True True", f"16384 {float(FLOPS)}"], done


def test_a_pause_that_tensorflow_forgets_is_no_wait(monkeypatch):
    monkeypatch.setattr("tftrain.resources.input_wait._pauses", lambda iterator: [0.9] * 40)
    wait, now = InputWait(), 0.0
    wait.begin(now)
    for batch in range(1, 41):
        called = now + (60.0 if batch == 20 else 0.0)  # a callback took a minute
        now = called + 1.0
        wait.mark(called, now, batch, None)
    assert wait.end() == pytest.approx(40 * 0.1)


def test_the_line_of_the_epoch_has_them(tmp_path):
    monitor = ResourceMonitor(peak_flops=1e9)
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path, resources=monitor)
    compiled_model().fit(X, Y, epochs=2, verbose=0, callbacks=[monitor, log])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [list(line) for line in lines] == [
        ["epoch", "loss", "learning_rate", "seconds", "resources"]
    ] * 2
    assert lines[1]["resources"].keys() == monitor.last.keys()
    assert lines[1]["resources"]["seconds"] == pytest.approx(monitor.last["seconds"], rel=1e-3)


def test_what_reads_it_must_come_after_it(tmp_path):
    monitor = ResourceMonitor()
    log = MetricsLog(tmp_path / "metrics.jsonl", resources=monitor)
    with pytest.raises(CallbackError, match="put it before MetricsLog"):
        compiled_model().fit(X, Y, verbose=0, callbacks=[log, monitor])
    assert not (tmp_path / "metrics.jsonl").exists()


def test_scalars_for_tensorboard(tmp_path):
    monitor = ResourceMonitor(peak_flops=1e9, tensorboard_dir=tmp_path)
    compiled_model().fit(X, Y, epochs=2, verbose=0, callbacks=[monitor])
    found = scalars(tmp_path)
    assert found.keys() == {f"resources/{name}" for name in monitor.last}
    assert found["resources/seconds"].keys() == {0, 1}
    assert found["resources/seconds"][1] == pytest.approx(monitor.last["seconds"])


class Failing(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


def test_after_an_error_the_model_trains_on_as_before():
    model, monitor = compiled_model(), ResourceMonitor()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, verbose=0, callbacks=[monitor, Failing()])
    monitor.on_fit_exit()
    assert not isinstance(model.train_function, watched_steps.WatchedSteps)
    model.fit(X, Y, verbose=0, callbacks=[monitor])
    assert not isinstance(model.train_function, watched_steps.WatchedSteps)


@pytest.mark.parametrize("wrong", [{"every_secs": 0}, {"peak_flops": -1.0}])
def test_numbers_out_of_range(wrong):
    with pytest.raises(BadInput, match="expected a positive number"):
        ResourceMonitor(**wrong)


@pytest.fixture
def told(capsys):
    """Looks twice at figures of epochs; gives the lines on stderr."""
    memory, disk = Memory(ControlGroups()), Disk(".")
    memory.begin()
    disk.begin()
    usual = {"seconds": 5.0, **memory.figures(1.0), **disk.figures(1.0), "memory_share": 0.5}
    usual |= {"disk_free_bytes": 50e9, "disk_bytes": 100e9}
    warnings = ResourceWarnings(compiled_model())

    def look(**figures):
        for _ in range(2):
            warnings.look_at({**usual, **figures}, batches=1000)
        return capsys.readouterr().err.splitlines()

    return look


def test_all_is_well(told):
    assert told(input_wait_share=0.29, memory_share=0.89) == []


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"input_wait_share": 0.6}, "waited for data 60% of an epoch: keep prepared examples"),
        ({"input_wait_share": 0.31}, "waited for data 31% of an epoch: let an engine fetch many"),
        (
            {"input_wait_share": 0.6, "cpu_share": 0.2, "machine_cpu_share": 1.0},
            "of an epoch (other programs kept the cores busy: it had 20% of its own): keep",
        ),
        ({"memory_share": 0.95}, "95% of"),
        ({"disk_free_bytes": 0.5e9}, "0.50 GB are free on the run's disk"),
        ({"disk_free_bytes": 3e4, "disk_bytes": 1e6}, "two checkpoints take"),
    ],
)
def test_what_is_wrong_is_said_once(told, figures, said):
    (line,) = told(**figures)
    assert line.startswith("tftrain: ")
    assert said in line


def test_a_short_epoch_may_wait(told):
    assert told(input_wait_share=0.9, seconds=0.9) == []


def test_a_full_disk_that_is_large_enough(told):
    assert told(disk_free_bytes=2e9, disk_bytes=1e12) == []
