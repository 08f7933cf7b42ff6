"""Every recipe, from flags to files: a few steps on data that are at hand."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from absl.testing import flagsaver

import tftrain
from tests import warm_python
from tftrain.errors import TftrainError
from tftrain.keras_api import keras

RECIPES = Path(__file__).parents[2] / "recipes"
EVERY = sorted(path.stem for path in RECIPES.glob("*.py"))
# A process makes one strategy, the first thing in its life: test_distributed_recipes.py runs these.
DISTRIBUTED = [
    "compressed_gradients",
    "multiworker_mnist",
    "parameter_server_mnist",
    "pipeline_parallel",
    "tensor_parallel",
    "tpu_mnist",
]
NAMES = [name for name in EVERY if name not in DISTRIBUTED]
COMPARISONS = [
    "large_batch",
    "multi_task",
    "optimizers_compared",
    "pretrain_finetune",
]  # several trainings: another print
COMPRESSIONS = ["compress_pipeline", "quantize_mnist"]  # what they leave is for LiteRT
CLASSIFIERS = [
    name for name in NAMES if name not in ("linear_regression", *COMPARISONS, *COMPRESSIONS)
]
QUICKER = {
    "multi_task": ["--seeds=1", "--few=1"],
    "optimizers_compared": ["--only=adam,lars"],
    "compress_pipeline": ["--rounds=1"],
    "quantize_mnist": ["--rounds=1"],
    "pretrain_finetune": ["--pretraining=masked", "--pretraining_epochs=1", "--labels=10"],
}
PNG = b"\x89PNG\r\n\x1a\n"


def run(name, *arguments):
    """Runs a recipe in this process, as its own `__main__`; returns its exit code."""
    with pytest.MonkeyPatch.context() as patch, flagsaver.flagsaver():
        patch.setattr(sys, "argv", [f"{name}.py", *arguments])
        patch.setattr(sys, "executable", warm_python.executable())  # what the recipe starts
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(RECIPES / f"{name}.py"), run_name="__main__")
    return ended.value.code


def definitions(name):
    """What a recipe defines, its `main` not run."""
    with flagsaver.flagsaver():
        return runpy.run_path(str(RECIPES / f"{name}.py"), run_name=name)


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """Each recipe's exit code, folder and print of one epoch on the digits, run once."""
    done = {}

    def of(name, capsys):
        if name not in done:
            out = tmp_path_factory.mktemp(name) / "deep" / "out"
            quicker = QUICKER.get(name, [])
            code = run(name, "--dataset=digits", "--epochs=1", f"--out={out}", *quicker)
            done[name] = code, out, capsys.readouterr().out
        return done[name]

    return of


@pytest.mark.parametrize("name", NAMES)
def test_runs_on_the_digits(name, first_run, capsys):
    code, out, _ = first_run(name, capsys)
    assert code is None
    assert not [path.name for path in out.iterdir() if path.name.startswith(".tmp")]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_learns_and_says_how_well(name, first_run, capsys):
    _, _, printed = first_run(name, capsys)
    accuracy = float(re.search(r"test accuracy: (\d\.\d{4})", printed)[1])
    assert 0.15 < accuracy <= 1  # one epoch is a few steps; a guess is 0.1


@pytest.mark.parametrize("name", NAMES)
def test_leaves_its_figures_for_programs(name, first_run, capsys):
    _, out, printed = first_run(name, capsys)
    figures = json.loads((out / "result.json").read_text())
    assert figures
    for figure in figures.values():
        assert isinstance(figure, float)
    if name in CLASSIFIERS and name != "augmented_cnn":  # it gives the mean of three
        assert f"test accuracy: {figures['test accuracy']:.4f}" in printed


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_leaves_a_model_that_can_be_trained_on(name, first_run, capsys):
    _, out, _ = first_run(name, capsys)
    model = keras.models.load_model(out / "model.keras")
    assert model.output_shape == (None, 10)
    assert type(model.optimizer) is keras.optimizers.Adam
    assert int(model.optimizer.iterations) > 0


def test_both_formats_of_mnist_mlp_hold_the_same_model(first_run, capsys):
    _, out, printed = first_run("mnist_mlp", capsys)
    kept, legacy = (
        keras.models.load_model(out / f"model.{suffix}", compile=False)
        for suffix in ("keras", "h5")
    )
    for ours, theirs in zip(kept.get_weights(), legacy.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert printed.count("read back, its outputs differ by at most 0.0e+00") == 2


@pytest.mark.parametrize(
    ("name", "units", "loss"),
    [
        ("mlp_1000", [128, 10], "categorical_crossentropy"),
        ("mlp_1000_deep", [128, 64, 10], "sparse_categorical_crossentropy"),
    ],
)
def test_the_articles_networks(name, units, loss, first_run, capsys):
    assert [layer.units for layer in definitions(name)["build_model"](1000).layers] == units
    _, out, _ = first_run(name, capsys)
    assert keras.models.load_model(out / "model.keras").loss == loss


@pytest.mark.parametrize("name", ["mlp_1000", "mlp_1000_deep"])
def test_the_made_data(name):
    x, y, test_x, test_y = definitions(name)["make_data"]()
    assert (x.shape, test_x.shape) == ((16_000, 1000), (4_000, 1000))
    assert set(y) == set(test_y) == set(range(10))


def test_linear_regression_goes_down_and_draws(tmp_path, capsys):
    assert run("linear_regression", "--epochs=40", f"--out={tmp_path}") is None
    lines = capsys.readouterr().out.splitlines()
    smallest = float(lines[2].split()[-1])
    for line, name in zip(lines, ("gradient descent", "adam"), strict=False):
        start, end = map(float, re.search(r"error (\S+) -> (\S+);", line).groups())
        assert line.startswith(name)
        assert smallest <= end < 0.2 * start
    assert (tmp_path / "convergence.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("rule", ["gradient_descent", "adam"])
def test_a_wrong_formula_is_found_at_the_first_step(rule, monkeypatch):
    recipe = definitions("linear_regression")
    minimise = recipe["minimise"]
    monkeypatch.setitem(minimise.__globals__, "EPOCHS", SimpleNamespace(value=1))

    def wrong(theta, g, state, step):
        forward, state = recipe[rule](theta, g, state, step)
        return 2 * theta - forward, state  # the sign that texts get wrong

    wrong.__name__ = rule
    optimizer = {"gradient_descent": "SGD", "adam": "Adam"}[rule]
    x, y = np.eye(4, 2, dtype=np.float32), np.ones((4, 1), np.float32)
    with pytest.raises(TftrainError, match=f"step 1: {rule} is .* from Keras's"):
        minimise(wrong, getattr(keras.optimizers, optimizer)(recipe["RATE"]), x, y)


def test_augmented_cnn_compares_three_seeds(first_run, capsys):
    _, out, printed = first_run("augmented_cnn", capsys)
    for name in ("without", "with augmentation"):
        (row,) = re.findall(rf"^\| {name} \| (.*) \|$", printed, re.MULTILINE)
        *each, mean, spread = map(float, row.split(" | "))
        assert len(each) == 3
        assert mean == pytest.approx(np.mean(each), abs=1e-4)
        assert spread == pytest.approx(np.std(each, ddof=1), abs=1e-4)
    assert (out / "accuracy.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--augment=flip,cropp", "did you mean 'crop'"),
        ("--augment=crop:-1", "expected a whole number, 0 or more"),
        ("--examples=2000", "has 1437 training images: choose fewer"),
    ],
)
def test_augmented_cnn_refuses_before_training(argument, message, tmp_path, capsys):
    assert run("augmented_cnn", "--dataset=digits", argument, f"--out={tmp_path}") == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "seed" not in printed.out


def test_pretraining_is_compared_with_none(first_run, capsys):
    _, out, printed = first_run("pretrain_finetune", capsys)
    rows = re.findall(r"^\| (\d+) \| (from scratch|fine-tuned) \| (.*) \|$", printed, re.MULTILINE)
    means = {}
    for labels, name, cells in rows:
        *each, mean, spread = map(float, cells.split(" | "))
        assert len(each) == 3
        assert mean == pytest.approx(np.mean(each), abs=1e-4)
        assert spread == pytest.approx(np.std(each, ddof=1), abs=1e-4)
        means[labels, name] = mean
    assert len(means) == 2
    gain = float(re.search(r"gain at 10 labels a class: (\S+) points", printed)[1])
    difference = means["10", "fine-tuned"] - means["10", "from scratch"]
    assert gain == pytest.approx(100 * difference, abs=0.06)
    assert keras.models.load_model(out / "model.keras").output_shape == (None, 5)
    assert (out / "accuracy.png").read_bytes().startswith(PNG)


def test_tasks_are_compared_with_tasks_alone(first_run, capsys):
    _, out, printed = first_run("multi_task", capsys)
    rows = re.findall(r"^\| (digit|parity|rotation) \| (.*) \|$", printed, re.MULTILINE)
    figures = json.loads((out / "result.json").read_text())
    ways = ("alone", "together", "learned weights", "learned weights, 3 x as long")
    assert len(rows) == 3
    for task, cells in rows:
        for way, cell in zip(ways, cells.split(" | "), strict=True):
            assert cell == f"{figures[f'{task}, {way}']:.4f} ± 0.0000"
    tftrain.models.register()
    model = keras.models.load_model(out / "model.keras")
    assert set(model.task_weights()) == {"digit", "parity", "rotation"}
    assert (out / "accuracy.png").read_bytes().startswith(PNG)


def test_tasks_with_too_few_labels_are_refused(tmp_path, capsys):
    assert run("multi_task", "--few=0.01", f"--out={tmp_path / 'out'}") == 2
    assert "leaves fewer than 50 labels" in capsys.readouterr().err


def test_optimizers_are_compared_in_a_table_and_a_plot(first_run, capsys):
    _, out, printed = first_run("optimizers_compared", capsys)
    assert [line.split()[0] for line in printed.splitlines()] == ["adam", "lars", "plot:"]
    assert all(0.15 < float(line.split()[-1]) <= 1 for line in printed.splitlines()[:2])
    assert (out / "compared.png").read_bytes().startswith(PNG)


def test_an_unknown_optimizer_is_refused(tmp_path, capsys):
    assert run("optimizers_compared", "--only=adm", f"--out={tmp_path / 'out'}") == 2
    assert "did you mean 'adam'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_large_batches_take_fewer_steps(first_run, capsys):
    _, out, printed = first_run("large_batch", capsys)
    steps = [int(count) for count in re.findall(r"steps +(\d+)", printed)]
    assert steps == [12, 3, 3, 3, 3, 3]
    assert keras.models.load_model(out / "model.keras", compile=False).output_shape == (None, 10)


def test_pruning_keeps_its_zeros_in_training_and_in_the_file(first_run, capsys):
    _, out, printed = first_run("prune_mnist", capsys)
    shares = [float(share) for share in re.findall(r"kernel .* (\d+\.\d)% zeros", printed)]
    assert shares == pytest.approx([80, 80], abs=0.5)
    tftrain.compress.keep_zeros  # noqa: B018 - loading needs its constraint
    kernel = keras.models.load_model(out / "model.keras").get_layer("hidden_1").kernel.numpy()
    assert np.mean(kernel == 0) == pytest.approx(0.8, abs=0.005)
    assert tftrain.litert.LiteModel.load(out / "model.tflite").size > 1000


def test_every_mode_is_quantized_and_compared(first_run, capsys):
    _, out, printed = first_run("quantize_mnist", capsys)
    for mode in ("float16", "dynamic", "int8"):
        assert (out / f"{mode}.tflite").exists()
        assert re.search(rf"^{mode} +\S+ +\S+ +\d", printed, re.MULTILINE)
    assert "recommended: " in printed


def test_the_pipeline_ends_with_the_smallest(first_run, capsys):
    _, out, printed = first_run("compress_pipeline", capsys)
    sizes = [
        int(re.search(rf"^{name} +\S+ +([\d,]+)", printed, re.MULTILINE)[1].replace(",", ""))
        for name in ("dense", "pruned", "clustered", "int8")
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert (out / "compression.png").read_bytes().startswith(PNG)
    assert (out / "model.tflite").exists()


def test_both_protocols_answer_alike(first_run, capsys):
    _, out, printed = first_run("serve_and_query", capsys)
    rows = re.findall(r"^ +\d  (\d \(0\.\d{4}\))    (\d \(0\.\d{4}\))$", printed, re.MULTILINE)
    assert len(rows) == 8
    assert all(rest == grpc for rest, grpc in rows)
    assert float(re.search(r"largest difference of the two: (\S+)", printed)[1]) < 1e-6
    assert (out / "digits/1/saved_model.pb").exists()


def test_a_server_is_asked_over_both_protocols_or_none(tmp_path, capsys):
    assert run("serve_and_query", "--rest=localhost:1", f"--out={tmp_path / 'out'}") == 2
    assert "--rest and --grpc go together" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["linear_regression", "mnist_mlp"])
def test_the_same_seed_gives_the_same_result(name, first_run, tmp_path, capsys):
    _, _, printed = first_run(name, capsys)
    run(name, "--dataset=digits", "--epochs=1", f"--out={tmp_path}")
    again = capsys.readouterr().out
    pattern = r"test accuracy: .*|mean squared error .*"
    assert re.findall(pattern, printed)
    assert re.findall(pattern, again) == re.findall(pattern, printed)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("mnist")])
def test_missing_data_are_one_line_and_nothing_is_written(name, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(name, f"--data_dir={tmp_path / 'nowhere'}", f"--out={out}") == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"{name}.py: the data folder")
    assert printed.err.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("name", NAMES)
def test_an_output_folder_that_is_a_file_is_refused_before_training(name, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run(name, "--dataset=digits", f"--out={tmp_path / 'file'}") == 2
    printed = capsys.readouterr()
    assert "cannot be made a folder" in printed.err
    assert "Epoch" not in printed.out


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("argument", ["--epochs=0", "--dataset=letters", "--seed=-1", "--epoch=1"])
def test_wrong_flags_are_refused(name, argument, capsys):
    assert run(name, argument) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_as_a_command(tmp_path):
    """From a folder of the user's own, writing where the documentation says."""
    done = subprocess.run(
        [sys.executable, RECIPES / "mnist_mlp.py", "--dataset=digits", "--epochs=1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(RECIPES.parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    written = sorted(path.name for path in (tmp_path / "recipe-output/mnist_mlp").iterdir())
    assert written == ["model.h5", "model.keras", "result.json"]


def test_recipes_never_import_each_other():
    for name in EVERY:
        imported = re.findall(
            r"^(?:from|import) (\S+)", (RECIPES / f"{name}.py").read_text(), re.MULTILINE
        )
        assert not {module.split(".")[0] for module in imported} & {*EVERY, "recipes"}


@pytest.mark.parametrize("name", EVERY)
def test_the_docstring_gives_command_time_and_expected_result(name):
    docstring = definitions(name)["__doc__"]
    for part in (f"python recipes/{name}.py", "--dataset=digits", "\nTime: ", "\nExpected: "):
        assert part in docstring


@pytest.mark.parametrize("name", EVERY)
def test_the_readme_names_it(name):
    assert f"[{name}.py]({name}.py)" in (RECIPES / "README.md").read_text()
