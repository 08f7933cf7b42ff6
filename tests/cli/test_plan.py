"""tftrain plan: what it prints and writes, and what it refuses."""

import functools
import json
import zipfile

import pytest

from tftrain.cli.main import main
from tftrain.control_groups import memory_here
from tftrain.keras_api import keras
from tftrain.planning import measuring

SMALL = ["plan", "--model=transformer:layers=4,width=256,heads=4,sequence=128", "--batch=32"]


def said(capsys, *arguments):
    assert main(arguments) == 2
    return capsys.readouterr().err


def test_the_fastest_plan_comes_first(capsys):
    assert main([*SMALL, "--devices=4"]) == 0
    shown = capsys.readouterr().out
    assert "a batch of 32, float32, adam" in shown
    ranks = [line.split() for line in shown.splitlines() if line[:4].strip().isdigit()]
    rates = [float(row[9].replace(",", "")) for row in ranks if int(row[0]) < 9]
    assert len(rates) == 8
    assert rates == sorted(rates, reverse=True)


def test_presets_need_no_tensorflow(python):
    code = (
        "import sys; from tftrain.cli.main import main\n"
        f"assert main({[*SMALL, '--devices=2']!r}) == 0\n"
        "assert 'tensorflow' not in sys.modules"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_json_holds_every_plan(capsys):
    assert main([*SMALL, "--devices=2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    best = document["feasible"][0]
    assert best["memory_bytes"]["total"] <= document["machine"]["memory"]
    assert best["step_seconds"]["total"] > 0


def test_the_device_whose_rate_is_taken_is_named(capsys):
    assert main([*SMALL, "--devices=2", "--memory=20GiB"]) == 0
    assert "2 devices like a100-80 of 20.0 GiB, " in capsys.readouterr().out
    assert main([*SMALL, "--devices=2", "--flops=1TFLOP/s"]) == 0
    assert "2 devices of 80.0 GiB, 1e+12 operations/s each" in capsys.readouterr().out


def test_a_picture_is_told_of(tmp_path, capsys):
    assert main([*SMALL, "--most=2", f"--plot={tmp_path}/scaling.svg"]) == 0
    assert capsys.readouterr().err == f"written {tmp_path}/scaling.svg\n"


def test_a_folder_holds_plan_and_picture(tmp_path, capsys):
    flags = ["--devices=2", "--gradient_codec=powersgd:4", "--most=8", f"--out={tmp_path}/plan"]
    assert main([*SMALL, *flags]) == 0
    assert (tmp_path / "plan/plan.txt").read_text() == capsys.readouterr().out
    curves = json.loads((tmp_path / "plan/plan.json").read_text())["scaling"]["curves"]
    assert [point["devices"] for point in curves["powersgd:4"]] == [1, 2, 4, 8]
    assert (tmp_path / "plan/scaling.png").read_bytes().startswith(b"\x89PNG")


def test_codecs_shrink_what_is_exchanged(capsys):
    exchanged = []
    for codec in ("none", "int8"):
        assert main([*SMALL, "--devices=2", f"--gradient_codec={codec}", "--json"]) == 0
        plans = json.loads(capsys.readouterr().out)["feasible"]
        replicated = next(plan for plan in plans if plan["data"] == 2)
        exchanged.append(replicated["step_seconds"]["exchange"])
    assert exchanged[1] == pytest.approx(exchanged[0] / 4, rel=0.05)


def test_a_model_by_name(capsys):
    assert main(["plan", "--model=mlp", "--shape=8,8,1", "--batch=64", "--devices=2"]) == 0
    assert "9,610 parameters" in capsys.readouterr().out


def test_a_run_and_its_file_are_the_same_model(finished_run, capsys):
    shown = []
    for model in (finished_run, finished_run / "model.keras"):
        assert main(["plan", f"--model={model}", "--batch=64", "--json"]) == 0
        shown.append(json.loads(capsys.readouterr().out)["feasible"])
    assert shown[0] == shown[1]
    weights = shown[0][0]["memory_bytes"]["weights"]
    config = json.loads((finished_run / "result.json").read_text())
    assert weights == pytest.approx(4 * config["parameters"], abs=16)  # and the seeds of dropout


def test_all_mistakes_are_told_at_once(capsys):
    flags = ["--model=1e11", "--batch=0", "--memory=80G", "--devices=0", "--gradient_codec=zip"]
    shown = said(capsys, "plan", *flags, "--bandwidth=100", "--remat=some", "--most=0")
    for expected in (
        "no usual transformer has 1e11 parameters",
        "--memory is '80G': unknown unit 'G'",
        "--bandwidth is '100': a unit is missing",
        "--devices=0",
        "unknown gradient codec 'zip'",
        "unknown rematerialization 'some'",
        "--most=0",
    ):
        assert expected in shown


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], "--model is missing"),
        (["--model=1e8"], "--batch is missing"),
        (["--model=mpl", "--batch=1"], "unknown model 'mpl'; did you mean 'mlp'?"),
        (["--model=175B", "--batch=1"], "and 1e10 or transformer:"),
        (["--model=mlp", "--batch=1", "--shape=8,x"], "--shape=8,x: expected positive"),
        (["--model=gone.keras", "--batch=1"], "expected a run folder or a .keras file"),
        (["--model=1e8", "--batch=1", "--measure", "--flops=1GFLOP/s"], "--measure says how fast"),
        (["--model=1e8", "--batch=1", "--memory=1GiB"], "is short of"),
        (["--model=1e8", "--batch=1", "runs/x"], "unexpected argument 'runs/x'"),
        (["--model=1e8", "--batch=1", "--device=a100"], "did you mean 'a100-"),
        (["--model=1e8", "--batch=8", "--plot=scaling.txt"], "that ends in .png or .svg"),
        (["--model=1e8", "--batch=8", "--plot=/nowhere/x.png"], "there is no such folder"),
        (["--model=1e8", "--batch=8", "--out=setup.cfg"], "is a file; expected a folder"),
        (["--model=1e8", "--batch=8", "--accumulation=9"], "expected 1 to 8"),
        (["--model=1e8", "--batch=8", "--servers=2"], "--servers needs --exchange=ps"),
        (["--model=1e8", "--batch=8", "--most=64"], "--most needs --plot or --out"),
        (["--model=1e8", "--batch=8", "--shape=8,8,1"], "--shape needs a model by name (cnn, "),
    ],
)
def test_a_mistake_is_one_line(flags, expected, capsys):
    shown = said(capsys, "plan", *flags)
    assert expected in shown
    assert "Traceback" not in shown


def test_a_file_that_is_no_model_is_named(tmp_path, capsys):
    (tmp_path / "model.keras").write_bytes(b"damaged")
    shown = said(capsys, "plan", f"--model={tmp_path}/model.keras", "--batch=1")
    assert "cannot be read as a .keras file" in shown


def test_a_layer_that_is_not_known_is_named(tmp_path, capsys):
    description = {"class_name": "Mine", "module": None, "config": {}, "registered_name": "Mine"}
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(description))
    shown = said(capsys, "plan", f"--model={tmp_path}/model.keras", "--batch=1")
    assert "cannot be made here" in shown
    assert "Mine" in shown


def test_the_rate_of_a_device_is_that_of_the_model_s_precision(tmp_path, capsys):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, dtype="mixed_bfloat16")])
    model.save(tmp_path / "model.keras")
    flags = [f"--model={tmp_path}/model.keras", "--batch=8", "--device=v100-16", "--json"]
    assert main(["plan", *flags]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["training"]["precision"] == "mixed_bfloat16"
    assert shown["machine"]["flops"] == pytest.approx(0.4 * 125e12)


def test_a_folder_does_not_hide_a_model_of_that_name(tmp_path, monkeypatch, capsys):
    (tmp_path / "linear").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["plan", "--model=linear", "--batch=8"]) == 0
    assert "linear: 7,850 parameters" in capsys.readouterr().out


def test_numbers_of_devices_that_cannot_share_the_batch_are_left_out_of_the_picture(tmp_path):
    flags = ["--batch=32", "--devices=32", "--accumulation=4", "--most=8"]  # one each
    assert main(["plan", "--model=1e8", *flags, f"--out={tmp_path}"]) == 0
    (curve,) = json.loads((tmp_path / "plan.json").read_text())["scaling"]["curves"].values()
    assert [point["devices"] for point in curve] == [4, 8]


def test_this_machine_is_measured(monkeypatch, capsys):
    briefly = functools.partial(measuring.measure, seconds=0.01, steps=5)
    monkeypatch.setattr(measuring, "measure", briefly)
    assert main(["plan", "--model=linear", "--batch=8", "--measure", "--json"]) == 0
    machine = json.loads(capsys.readouterr().out)["machine"]
    assert machine["memory"] == memory_here()
    rates = ("flops", "convolution_flops", "memory_bandwidth", "update_rate")
    assert all(1e8 < machine[name] < 1e15 for name in rates)
    assert 0 < machine["step_overhead"] < 10
