"""The benchmark of `fit` runs and adds up; its figures are not judged here."""

import json
import runpy
import subprocess
import sys
import time
from pathlib import Path

import fit_speed_picture
import fit_speed_summary as summary
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from fit_programs import data_files, workloads
from other_load import OtherLoad

import tftrain

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks/fit_speed.py"
MODELS = {  # what the benchmark's networks are in tftrain
    "mlp-32": lambda: tftrain.models.mlp((28, 28)),
    "mlp_1000-32": lambda: tftrain.models.mlp((1000,), hidden=(128, 64), dropout=0),
    "cnn-128": lambda: tftrain.models.cnn((28, 28, 1)),
    "lstm-128": lambda: tftrain.models.rnn((28, 28)),
}


@pytest.fixture(scope="module")
def quick(printed_by, tmp_path_factory):
    """What a short run prints about one workload, and the picture's path."""
    plot = tmp_path_factory.mktemp("plot") / "speed.png"
    programs = "--programs=keras,tf_keras,floor"
    return printed_by("fit_speed", "--only=mlp-128", programs, f"--plot={plot}"), plot


@pytest.fixture(scope="module")
def document(quick):
    return json.loads(quick[0][-1])


@pytest.fixture
def benchmark():
    with flagsaver.flagsaver():
        yield runpy.run_path(str(SCRIPT), run_name="fit_speed")


@pytest.fixture
def networks(monkeypatch):
    """The module, as the programs import it: from their own folder."""
    monkeypatch.syspath_prepend(SCRIPT.with_name("fit_programs"))
    return runpy.run_path(str(SCRIPT.with_name("fit_programs") / "networks.py"))


def report(*seconds, whole=10.0, updates=100, cores=0.5):
    return {
        "epoch_seconds": list(seconds),
        "whole_seconds": whole,
        "parameters": 5,
        "updates": updates,
        "data_bytes": 7,
        "peak_bytes": 3e6,
        "validation_accuracy": 0.9,
        "other_cores": cores,
    }


def test_the_table_has_a_row_for_each_program(quick):
    rows = [line for line in quick[0] if line.startswith("| mlp-128 |")]
    assert [row.split(" | ")[1] for row in rows] == ["keras", "tf_keras", "floor"]
    assert {row.count("|") for row in rows} == {summary.HEAD.splitlines()[0].count("|")}


def test_the_last_line_tells_with_what_it_was_measured(document):
    assert {"python", "tensorflow", "keras", "tf_keras"} <= set(document["versions"])
    assert {"processor", "cores"} <= set(document["hardware"])
    assert document["quick"] is True
    assert document["data"] == {"mlp-128": "made pictures: not MNIST"}


def test_the_last_line_compares_epochs_and_whole_runs(document):
    compared = document["ratios"]["mlp-128"]
    assert compared["keras"] == {"epoch": 1.0, "whole": 1.0}
    assert set(compared["tf_keras"]) == {"epoch", "whole"}
    assert set(compared["floor"]) == {"epoch"}


def test_the_programs_trained_all_rows_in_all_epochs(document):
    results = document["results"]["mlp-128"]
    assert {of["updates"] for of in results.values()} == {2 * 8}  # 1000 rows: 7 batches and a rest
    assert {of["parameters"] for of in results.values()} == {101_770}


def test_a_run_takes_longer_than_its_epochs(document):
    of = document["results"]["mlp-128"]["keras"]
    epochs = of["first_epoch_seconds"] + of["epoch_seconds"]
    assert of["ready_seconds"] + epochs + of["saving_seconds"] < 1.001 * of["whole_seconds"]


def test_the_picture_is_written(quick):
    assert quick[1].read_bytes().startswith(b"\x89PNG")


def test_a_program_that_is_not_installed_is_left_out_with_a_remedy(benchmark):
    benchmark["PROGRAMS"]["imaginary"] = benchmark["Program"]("x.py", needs=("no_such_peer",))
    assert benchmark["lacking"]("imaginary") == "not installed: pip install no_such_peer"
    assert benchmark["lacking"]("keras") is None


def test_what_was_measured_before_a_failure_is_shown(benchmark, tmp_path, capsys):
    flags.FLAGS(["fit_speed", "--quick", "--only=mlp-128", "--repeats=1", "--epochs=2"])
    code = f"""
import sys
(path,) = (word[9:] for word in sys.argv if word.startswith("--report="))
open(path, "w").write({json.dumps(report(2, 1))!r})
"""
    (tmp_path / "whole.py").write_text(code)
    benchmark["PROGRAMS"]["whole"] = benchmark["Program"](str(tmp_path / "whole.py"))
    benchmark["PROGRAMS"]["broken"] = benchmark["Program"]("no_such_script.py")
    with pytest.raises(RuntimeError, match="broken ended with 2"):
        benchmark["compare"](["whole", "broken"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("| mlp-128 | whole |")


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("--programs=keras,caffe", "expected some of keras, "),
        ("--data_dir=nowhere", "expected a folder with mnist.npz"),
    ],
)
def test_wrong_flags_are_refused_before_anything_runs(flag, expected):
    done = subprocess.run(
        [sys.executable, SCRIPT, flag], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workload", MODELS)
def test_the_networks_are_those_of_tftrain(networks, workload):
    """But for names and for layers that only change shapes."""

    def settings(model):
        wanted = ("units", "rate", "activation", "filters", "kernel_size", "padding", "pool_size")
        layers = [
            {name: layer.get_config().get(name) for name in ("name", *wanted)}
            | {"kind": type(layer).__name__}
            for layer in model.layers
        ]
        return [
            {key: value for key, value in layer.items() if key != "name"}
            for layer in layers
            if layer["kind"] not in ("Reshape", "Flatten")
        ]

    from tftrain.keras_api import keras

    built = networks["build"](keras, workloads.WORKLOADS[workload])
    assert settings(built) == settings(MODELS[workload]())
    assert built.count_params() == MODELS[workload]().count_params()


def test_pictures_become_numbers_up_to_one(mnist_npz, tiny_mnist):
    data = workloads.read(mnist_npz / "mnist.npz", (28, 28, 1))
    assert data.x.shape == (40, 28, 28, 1)
    assert data.x.dtype == np.float32
    np.testing.assert_allclose(data.x[..., 0], tiny_mnist["x_train"] / 255, rtol=1e-6)
    assert data.bytes == 60 * (28 * 28 * 4 + 4)


def test_made_features_are_scaled_and_stay_numbers(tmp_path):
    path, held = data_files.prepare("mlp_1000", tmp_path, None, quick=True)
    data = workloads.read(path, (1000,))
    assert held == "made features"
    assert (len(data.x), len(data.validation_x)) == (1000, 300)
    np.testing.assert_allclose(data.x.std(0), 1, atol=1e-3)


def test_made_pictures_can_be_learnt():
    made = data_files.made_pictures(2000, 100)
    means = np.stack([made["x_train"][made["y_train"] == label].mean(0) for label in range(10)])
    apart = np.square(made["x_test"][:, np.newaxis] - means).sum((2, 3))
    assert np.mean(apart.argmin(1) == made["y_test"]) > 0.9


def test_a_figure_is_the_median_of_processes_without_first_epochs():
    reports = [report(99, 3, 5, 4), report(99, 1, 1, 1), report(99, 9, 9, 9)]
    of = summary.summarize({"keras": reports})["keras"]
    assert (of["epoch_seconds"], of["least"], of["most"]) == (4, 1, 9)
    assert of["first_epoch_seconds"] == 99


def test_ratios_are_to_keras_and_to_the_floor():
    floor = {"epoch_seconds": [9, 0.5], "parameters": 5, "updates": 100, "data_bytes": 7}
    results = summary.summarize(
        {
            "keras": [report(9, 8)],
            "tftrain": [report(9, 1, whole=4.0)],
            "floor": [{**floor, "peak_bytes": 1, "other_cores": None}],
        }
    )
    assert summary.ratios(results) == {
        "keras": {"epoch": 1, "whole": 1},
        "tftrain": {"epoch": 8, "whole": 2.5, "times_the_floor": 2},
        "floor": {"epoch": 16},
    }


def test_programs_that_did_different_work_are_not_compared():
    with pytest.raises(RuntimeError, match="parameters, updates or bytes of data differ"):
        summary.summarize({"keras": [report(1, 1)], "tftrain": [report(1, 1, updates=50)]})


def test_the_load_of_others_is_told():
    rows = summary.summarize({"keras": [report(1, 1, cores=0.2), report(1, 1, cores=1.0)]})
    assert summary.table("mlp-32", rows).endswith("| 0.6 - 1.0 |")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's counters")
def test_what_others_do_is_seen():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            with OtherLoad() as load:
                time.sleep(0.5)  # `other` has not ended: its time does not count as ours yet
        finally:
            other.kill()
    assert load.cores > 0.2


def test_panels_that_no_workload_needs_are_left_out(tmp_path):
    of = {"epoch_seconds": 2.0, "least": 1.0, "most": 3.0}
    results = {name: {"keras": of, "tftrain": of} for name in workloads.WORKLOADS}
    del results["lstm-128"]
    fit_speed_picture.draw(results, str(tmp_path / "speed.png"))
    assert (tmp_path / "speed.png").stat().st_size > 10_000
