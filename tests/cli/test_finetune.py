"""tftrain finetune on a finished run."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests import warm_python
from tests.cli.trainings import QUICK, metrics, train
from tests.event_files import IS_TENSORBOARD_INSTALLED, scalars
from tests.waiting import wait_until
from tftrain import optim
from tftrain.cli.main import main
from tftrain.keras_api import keras


def finetune(*arguments):
    return main(["finetune", *QUICK[1:], *map(str, arguments)])


@pytest.fixture(scope="module")
def tuned(finished_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "tuned"
    flags = ["--freeze=-1", "--unfreeze=1:*", "--layer_decay=0.5", "--clip=global_norm:1"]
    given = ["--epochs=2", "--labels_per_class=20", "--schedule=cosine", "--seed=3"]
    command = ["finetune", "--noverify_export", str(finished_run)]  # with a report
    assert main([*command, *flags, *given, f"--out={out}"]) == 0
    return out


def test_it_leaves_a_run(tuned, finished_run):
    names = {path.name for path in tuned.iterdir()}
    assert names >= {"config.json", "metrics.jsonl", "model.keras", "report.html", "saved_model"}
    config = json.loads((tuned / "config.json").read_text())
    described = config["finetuning"]
    assert (config["dataset"], config["model"], config["epochs"]) == ("digits", "mlp", 2)
    assert described["source"] == str(finished_run.resolve())
    assert (described["freeze"], described["layer_decay"]) == ("-1", 0.5)
    assert [stage["epochs_before"] for stage in described["stages"]] == [0, 1]
    assert described["skipped"]["probabilities/kernel"] == "the layer is new"
    assert len((tuned / "metrics.jsonl").read_text().splitlines()) == 2


def test_frozen_layers_come_out_of_it_as_they_were_and_thawed_ones_do_not(
    finished_run, tmp_path, tuned
):
    optim.register()
    before, after = (keras.saving.load_model(run / "model.keras") for run in (finished_run, tuned))
    kernels = [model.get_layer("hidden_1").get_weights()[0] for model in (before, after)]
    difference = abs(kernels[0] - kernels[1]).max()
    assert 0 < difference < 7 * 2 * 0.001  # seven steps at half of the rate


def test_it_records_what_training_does(finished_run, tmp_path):
    flags = ["--freeze=-1", "--unfreeze=1:*", "--epochs=2", "--labels_per_class=20"]
    board = ["--tensorboard"] * IS_TENSORBOARD_INSTALLED
    assert finetune(finished_run, *flags, *board, f"--out={tmp_path}/out") == 0
    head, both = metrics(tmp_path / "out")
    assert 0 < head["gradient_norm_mean"] <= head["gradient_norm_max"]
    assert 0 < both["gradient_norm_mean"] <= both["gradient_norm_max"]
    if board:
        losses = scalars(tmp_path / "out" / "tensorboard" / "train")["epoch_loss"]
        assert losses == pytest.approx({0: head["loss"], 1: both["loss"]})


@pytest.mark.parametrize("command", [["evaluate"], ["export", "--to=OUT"]])
def test_other_commands_take_the_run(command, tuned, tmp_path, capsys):
    name, *flags = [part.replace("OUT", str(tmp_path / "base")) for part in command]
    assert main([name, str(tuned), *flags]) == 0
    assert capsys.readouterr().out


def test_the_head_can_be_kept(finished_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert finetune(finished_run, "--keep_head", "--epochs=1", "--learning_rate=1e-9") == 0
    result = json.loads(Path("runs/digits-mlp-finetuned-1/result.json").read_text())
    before = json.loads((finished_run / "result.json").read_text())
    assert result["test_accuracy"] == before["test_accuracy"]
    assert "from epoch 1, trained: hidden_1, probabilities" in capsys.readouterr().err


def complaints(capsys):
    return capsys.readouterr().err.splitlines()


def test_everything_wrong_on_the_command_line_is_told_at_once(finished_run, tmp_path, capsys):
    flags = [
        *("--layer_decay=1.5", "--unfreeze=9:*", "--epochs=3", "--labels_per_class=0"),
        *("--keep_head", "--head=a", "--overwrite", "--freeze=1.5", "--optimizer=adm"),
    ]
    assert finetune(finished_run, *flags) == 2
    told = complaints(capsys)
    for part in (
        "layer_decay is 1.5; expected more than 0 and at most 1",
        "unfreeze_schedule names 9 epochs; expected 1 to 2",
        "--labels_per_class=0: expected 1 or more",
        "--keep_head and --head contradict",
        "--overwrite needs --out",
        "freeze is 1.5",
        "did you mean 'adam'",
    ):
        assert sum(part in line for line in told) == 1, part
    assert len(told) == 7


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--freeze=hiden_1"],
            "no layer with weights is called 'hiden_1'; did you mean 'hidden_1'",
        ),
        (["--freeze=*"], "freezes everything"),
        (["--head=hidden"], "no Dense layer is called 'hidden'; did you mean 'hidden_1'"),
        (["--labels_per_class=2000"], "examples: choose fewer"),
    ],
)
def test_what_only_model_and_data_tell_is_told_before_training(
    flags, message, finished_run, tmp_path, capsys
):
    assert finetune(finished_run, *flags, f"--out={tmp_path / 'out'}") == 2
    assert message in complaints(capsys)[-1]
    assert not (tmp_path / "out").exists()


def test_data_of_another_shape_are_refused(finished_run, tiny_mnist, tmp_path, capsys):
    enough = {name: np.concatenate([array] * 3) for name, array in tiny_mnist.items()}
    np.savez(tmp_path / "mnist.npz", **enough)
    flags = ["--dataset=mnist", f"--data_dir={tmp_path}", f"--out={tmp_path / 'out'}"]
    assert finetune(finished_run, *flags) == 2
    assert "inputs have shape (28, 28, 1); the model expects (8, 8, 1)" in complaints(capsys)[-1]


def test_a_run_without_a_model_is_refused(finished_run, tmp_path, capsys):
    shutil.copy(finished_run / "config.json", tmp_path)
    assert finetune(tmp_path) == 2
    assert "has no finished model" in capsys.readouterr().err
    assert finetune() == 2
    assert "expected one run folder, received none" in capsys.readouterr().err


def test_it_does_not_replace_its_own_source(finished_run, capsys):
    assert finetune(finished_run, f"--out={finished_run}", "--overwrite") == 2
    assert "is the run that is to be fine-tuned" in capsys.readouterr().err


def test_ctrl_c_says_where_things_are(finished_run, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished_run, out)
    flags = [str(finished_run), "--epochs=99999", "--engine=keras", f"--out={out}", "--overwrite"]
    command = warm_python.command("-m", "tftrain", "finetune", *flags)
    begun = tmp_path / "out.previous"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: begun.exists() and (out / "metrics.jsonl").exists(), 90)
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert f"the run before is kept in {begun}; start again with: tftrain finetune" in told
    assert f"--out={out} --overwrite" in told


def test_an_existing_folder_is_refused_and_no_resuming_offered(finished_run, tuned, capsys):
    assert finetune(finished_run, f"--out={tuned}") == 2
    (told,) = complaints(capsys)
    assert told.endswith(f"{tuned} exists; give another --out, or --overwrite to replace it")


def test_train_refuses_what_only_finetune_makes(tuned, tmp_path, capsys):
    assert train(f"--config={tuned / 'config.json'}", f"--out={tmp_path / 'new'}") == 2
    assert "`tftrain finetune` makes one" in capsys.readouterr().err
    assert train("--resume", f"--out={tuned}") == 2
    told = capsys.readouterr().err
    assert "is a fine-tuned run, which cannot be gone on with" in told
    assert f"`tftrain finetune RUN --out={tuned} --overwrite` makes it again" in told
