"""tftrain compress on finished runs."""

import contextlib
import importlib
import io
import json
import os
import shutil

import numpy as np
import pytest

from tests.cli.trainings import train
from tftrain import data
from tftrain.cli.main import main
from tftrain.errors import ConversionFailed
from tftrain.keras_api import keras
from tftrain.litert import LiteModel

ISSUE = ["--prune=0.8", "--cluster=16", "--quantize=int8"]


def complaints(capsys):
    return capsys.readouterr().err.splitlines()


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "trained"
    assert train("--epochs=20", f"--out={out}") == 0
    return out


@pytest.fixture(scope="module")
def compressed(trained_run):
    """The folder of a compressed run, and what compressing it printed."""
    printed, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(told):
        code = main(
            ["compress", str(trained_run), *ISSUE, "--max_accuracy_drop=0.05", "--rounds=1"]
        )
    return code, trained_run / "compressed", printed.getvalue(), told.getvalue()


def test_every_step_leaves_its_files(compressed):
    code, out, _, _ = compressed
    assert code == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [
            *("compression.html", "compression.json", "compression.png", "dense.tflite"),
            *("dense_int8.tflite", "pruned.keras", "pruned.tflite", "pruned_int8.tflite"),
            *("pruned_clustered.keras", "pruned_clustered.tflite", "pruned_clustered_int8.tflite"),
            "pruned_clustered_qat.tflite",
        ]
    )


def test_the_table_is_printed_with_a_recommendation(compressed):
    _, out, printed, _ = compressed
    kept = json.loads((out / "compression.json").read_text())
    assert f"recommended: {kept['recommended']}" in printed
    for one in kept["variants"]:
        assert f"\n{one['name']} " in f"\n{printed}"
    for name in ("compression.json", "compression.png", "compression.html"):
        assert f"{out / name}" in printed


def test_progress_tells_each_step(compressed):
    told = compressed[3]
    assert "1 of 6: dense_int8: " in told
    assert "steps/s" in told


def test_the_files_are_what_the_table_says(compressed, trained_run):
    _, out, _, _ = compressed
    kept = {v["name"]: v for v in json.loads((out / "compression.json").read_text())["variants"]}
    test = data.load("digits").test
    pruned = keras.saving.load_model(out / "pruned.keras")
    accuracy = pruned.evaluate(test.x, test.y, verbose=0, return_dict=True)["accuracy"]
    assert accuracy == pytest.approx(kept["pruned"]["accuracy"])
    lite = LiteModel.load(out / "pruned_clustered_qat.tflite")
    right = np.mean(lite.predict(test.x).argmax(axis=1) == test.y)
    assert right == pytest.approx(kept["pruned_clustered_qat"]["accuracy"])
    assert lite.size == kept["pruned_clustered_qat"]["bytes"]


def test_no_variant_within_the_drop_is_exit_1_and_all_is_kept(trained_run, tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    settings = ["--prune=0.99", "--epochs=1", "--rounds=0", "--max_accuracy_drop=0", f"--out={out}"]
    assert main(["compress", str(trained_run), *settings]) == 1
    assert "recommended: none" in capsys.readouterr().out
    assert (out / "pruned.keras").exists()
    assert (out / "compression.html").exists()


def test_a_failed_step_leaves_the_earlier_files_whole(trained_run, tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise ConversionFailed("the converter gave up")

    monkeypatch.setattr(importlib.import_module("tftrain.compress.stages"), "cluster", fail)
    out = tmp_path / "out"
    settings = ["--prune=0.5", "--cluster=4", "--epochs=1", f"--out={out}"]
    assert main(["compress", str(trained_run), *settings]) == 1
    assert "the converter gave up" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == [
        *("dense.tflite", "pruned.keras", "pruned.tflite")
    ]
    assert keras.saving.load_model(out / "pruned.keras").output_shape == (None, 10)
    LiteModel.load(out / "pruned.tflite")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "nothing to do: give at least one of"),
        (["--prune=1.5"], "sparsity is 1.5"),
        (["--prune=a"], "--prune=a: expected"),
        (["--cluster=1"], "cluster is 1"),
        (["--structure=4x"], "structure is"),
        (["--quantize=int3"], "unknown quantization mode 'int3'; did you mean 'int8'"),
        (["--quantize=float16", "--quantize_aware"], "leave one of them out"),
        (["--prune=0.5", "--max_accuracy_drop=-0.1"], "--max_accuracy_drop=-0.1: expected"),
        (["--prune=0.5", "--rounds=-1"], "--rounds=-1: expected 0 or more"),
        (["--prune=0.5", "--epochs=0"], "--epochs=0: expected at least 1"),
        (["--prune=0.5", "--learning_rate=0"], "--learning_rate=0.0: expected"),
        (["--prune=0.5", "--optimizer=adm"], "did you mean 'adam'"),
        (["--prune=0.5", "--out="], "--out is empty"),
        (["--prun=0.5"], "did you mean 'prune'"),
    ],
)
def test_wrong_flags_are_refused_before_work(flags, said, trained_run, capsys):
    assert main(["compress", str(trained_run), *flags]) == 2
    assert any(said in line for line in complaints(capsys))


def test_all_mistakes_are_told_at_once(tmp_path, capsys):
    flags = ["--prune=2", "--cluster=0", "--quantize=x", "--max_accuracy_drop=-1"]
    assert main(["compress", str(tmp_path), *flags]) == 2
    assert len(complaints(capsys)) == 5


def test_a_layer_that_is_not_there_is_named(trained_run, tmp_path, capsys):
    settings = ["--prune=0.5", "--skip=hiden_1", f"--out={tmp_path / 'out'}"]
    assert main(["compress", str(trained_run), *settings]) == 2
    assert "did you mean 'hidden_1'" in complaints(capsys)[-1]


def test_a_run_without_a_model_is_refused(trained_run, tmp_path, capsys):
    shutil.copytree(trained_run, tmp_path / "run")
    os.unlink(tmp_path / "run" / "model.keras")
    settings = ["--prune=0.5", f"--out={tmp_path / 'out'}"]
    assert main(["compress", str(tmp_path / "run"), *settings]) == 2
    assert "has no finished model" in complaints(capsys)[-1]
    assert not (tmp_path / "out").exists()


def test_training_a_recurrent_run_for_int8_says_what_works_instead(tmp_path, capsys):
    run = tmp_path / "run"
    assert train("--model=rnn", "--epochs=1", f"--out={run}") == 0
    capsys.readouterr()
    assert main(["compress", str(run), "--prune=0.5", "--quantize_aware"]) == 2
    assert "dynamic" in complaints(capsys)[-1]
    assert not list((run / "compressed").glob("*"))


def test_an_output_folder_that_is_a_file_is_refused(trained_run, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["compress", str(trained_run), "--prune=0.5", f"--out={tmp_path}/file"]) == 2
    assert "cannot be made a folder" in complaints(capsys)[-1]


def test_help_does_not_import_tensorflow(python):
    done = python(
        "import sys; from tftrain.cli.main import main; main(['compress', '--help'])\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr
    assert "tftrain compress runs/digits-mlp-1 --prune=0.8" in done.stdout


def test_labels_that_were_mixed_are_mixed_again(tmp_path):
    run = tmp_path / "run"
    assert train("--model=linear", "--augment=mixup", "--epochs=3", f"--out={run}") == 0
    settings = ["--prune=0.3", "--epochs=1", "--rounds=0", "--max_accuracy_drop=1"]
    assert main(["compress", str(run), *settings]) == 0
