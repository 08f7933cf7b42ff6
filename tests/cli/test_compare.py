"""tftrain compare on finished runs."""

import json
import shutil

import numpy as np
import pytest

from tftrain import training
from tftrain.cli.main import main
from tftrain.keras_api import keras


@pytest.fixture(scope="module")
def other_run(finished_run, tmp_path_factory):
    """A run of another model, hardly trained, on the same data."""
    out = copied(finished_run, tmp_path_factory.mktemp("runs") / "other", epochs=1)
    model = keras.models.load_model(out / "model.keras")
    model.set_weights([0.9 * weight - 0.02 for weight in model.get_weights()])
    model.save(out / "model.keras")
    return out


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two folders with an mnist.npz each, which differ in the test labels."""
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (200, 28, 28), "uint8"), np.arange(200, dtype="uint8") % 10
    folders = [tmp_path_factory.mktemp("pictures") for _ in range(2)]
    for folder, turned in zip(folders, (0, 1), strict=True):
        test = {"x_test": x[:20], "y_test": np.roll(y[:20], turned)}
        np.savez(folder / "mnist.npz", x_train=x, y_train=y, **test)
    return folders


def copied(run, target, **settings):
    """The run with other settings in its config.json."""
    shutil.copytree(run, target)
    path = target / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    return target


def test_two_runs_side_by_side(finished_run, other_run, capsys):
    assert main(["compare", str(finished_run), str(other_run)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("360 test examples")
    result = json.loads((finished_run / "result.json").read_text())
    line = next(line for line in shown.splitlines() if line.startswith("finished "))
    assert f"{result['test_accuracy']:.4f}" in line
    assert f"{result['parameters']:,}" in line
    settings = [line.split() for line in shown.splitlines() if line.startswith("epochs")]
    assert settings == [["epochs", "2", "1"]]
    assert "other beside finished: the difference of " in shown


def test_json_and_files_hold_the_same(finished_run, other_run, tmp_path, capsys):
    out = tmp_path / "compared"
    runs = [str(finished_run), str(other_run)]
    assert main(["compare", *runs, "--json", f"--out={out}"]) == 0
    shown, told = capsys.readouterr()
    printed = json.loads(shown)
    assert f"{out}/comparison.json" in told
    assert json.loads((out / "comparison.json").read_text()) == printed
    assert (out / "comparison.png").read_bytes().startswith(b"\x89PNG")
    first, second = printed["runs"]
    (pair,) = printed["pairs"]
    assert pair["difference"] == pytest.approx(second["accuracy"] - first["accuracy"])
    unequal = pair["only_second_right"] - pair["only_first_right"]
    assert unequal / printed["examples"] == pytest.approx(pair["difference"])


def test_a_run_beside_itself_does_not_differ(finished_run, capsys):
    assert main(["compare", str(finished_run), str(finished_run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in found["runs"]] == [str(finished_run)] * 2
    assert (found["settings"], found["pairs"][0]["p_value"]) == ({}, 1.0)
    assert found["pairs"][0]["verdict"].endswith("does not exceed the noise")


def test_seeds_that_were_measured_are_compared(finished_run, tmp_path, capsys):
    runs = [copied(finished_run, tmp_path / name) for name in "ab"]
    for run, accuracies in zip(runs, ([0.9, 0.91], [0.5, 0.52]), strict=True):
        rows = [{"group": "seeds", "accuracy": accuracy} for accuracy in accuracies]
        training.RunFolder(run).add_evaluation(stability={"rows": rows})
    assert main(["compare", *map(str, runs)]) == 0
    assert "over 2 and 2 seeds: the difference of -39.5 points" in capsys.readouterr().out


def test_an_evaluation_of_another_version_is_named(finished_run, tmp_path, capsys):
    run = copied(finished_run, tmp_path / "run")
    (run / "evaluation.json").write_text('{"stability": {"rows": [{"group": "seeds"}]}}')
    assert main(["compare", str(finished_run), str(run)]) == 2
    assert "does not hold what this version of tftrain writes" in capsys.readouterr().err


def test_a_fine_tuned_run_shows_its_settings_and_not_what_came_of_them(
    finished_run, tmp_path, capsys
):
    section = {"source": "runs/first", "freeze": "-1", "stages": [{"trained": ["dense"]}]}
    tuned = copied(finished_run, tmp_path / "tuned", finetuning=section)
    assert main(["compare", str(finished_run), str(tuned)]) == 0
    shown = capsys.readouterr().out
    assert "finetuning: freeze" in shown
    assert "stages" not in shown


def test_the_same_test_set_may_go_by_another_name(finished_run, tmp_path, capsys):
    assert main(["data", "write", "--from=digits", f"--to={tmp_path}/set"]) == 0
    renamed = copied(finished_run, tmp_path / "renamed", dataset=f"records:{tmp_path}/set")
    capsys.readouterr()
    assert main(["compare", str(finished_run), str(renamed)]) == 0
    assert "dataset" in capsys.readouterr().out


def test_runs_tested_on_other_data_are_refused(finished_run, pictures, tmp_path, capsys):
    other = copied(finished_run, tmp_path / "mnist", dataset="mnist", data_dir=str(pictures[0]))
    assert main(["compare", str(finished_run), str(other)]) == 2
    assert (
        f"{other} is tested on 20 examples of mnist (28x28x1, 10 classes), {finished_run} on 360 "
        "examples of digits (8x8x1, 10 classes): expected the same test examples"
    ) in capsys.readouterr().err


def test_test_sets_of_one_name_are_compared_by_content(finished_run, pictures, tmp_path, capsys):
    runs = [
        copied(finished_run, tmp_path / name, dataset="mnist", data_dir=str(folder))
        for name, folder in zip("ab", pictures, strict=True)
    ]
    assert main(["compare", *map(str, runs)]) == 2
    assert "expected the same test examples" in capsys.readouterr().err


@pytest.mark.parametrize(("runs", "received"), [([], "none"), (["only"], "one: only")])
def test_fewer_than_two_runs_are_refused(runs, received, capsys):
    assert main(["compare", *runs]) == 2
    assert f"expected two or more run folders, received {received}" in capsys.readouterr().err


def test_every_run_that_has_no_model_is_named(finished_run, tmp_path, capsys):
    unfinished = copied(finished_run, tmp_path / "unfinished")
    (unfinished / "model.keras").unlink()
    assert main(["compare", str(finished_run), str(unfinished), str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert f"{unfinished} has no finished model" in told
    assert f"{tmp_path} is not a run folder" in told


def test_a_target_that_is_a_file_is_refused_before_the_work(finished_run, tmp_path, capsys):
    (tmp_path / "file").touch()
    command = ["compare", str(finished_run), str(finished_run), f"--out={tmp_path / 'file'}"]
    assert main(command) == 2
    shown = capsys.readouterr()
    assert "cannot be made a folder" in shown.err
    assert shown.out == ""


def test_settings_that_are_not_recorded_are_the_default_ones(finished_run, tmp_path):
    run = copied(finished_run, tmp_path / "run")
    (run / "config.json").write_text('{"model": "mlp"}')
    assert main(["compare", str(finished_run), str(run)]) == 0


def test_an_empty_target_is_refused(finished_run, capsys):
    assert main(["compare", str(finished_run), str(finished_run), "--out="]) == 2
    assert "--out is empty" in capsys.readouterr().err
