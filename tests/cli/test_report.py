"""tftrain report: what it finds in a run's folder, and several runs on one page."""

import json
import os
import shutil

import numpy as np
import pytest

from tests.report.sample_pages import (
    SPEED,
    STABILITY,
    VARIANTS,
    Parsed,
    comparison_page,
    quality,
)
from tftrain.cli import report_comparison
from tftrain.cli.main import main
from tftrain.keras_api import keras
from tftrain.training import RunFolder

LARGEST = 1_500_000  # bytes


@pytest.fixture
def run(finished_run, tmp_path):
    """A copy, to be changed, of which no test has found out anything yet."""
    copy = RunFolder(shutil.copytree(finished_run, tmp_path / "run"))
    copy.drop_evaluation()
    return copy


def compress(run, age):
    (run.path / "compressed").mkdir()
    table = run.path / "compressed" / "compression.json"
    table.write_text(json.dumps(VARIANTS))
    now = run.model.stat().st_mtime
    os.utime(table, (now - age, now - age))


def test_the_page_of_a_training_is_small_and_says_what_is_missing(run):
    assert main(["report", str(run.path)]) == 0
    page = run.report.read_text()
    assert len(page) < LARGEST
    assert {"curves", "resources", "quality", "mistakes"} <= set(Parsed(page).sections())
    assert f"<code>tftrain evaluate {run.path} --speed</code>" in page


def test_what_was_found_out_since_is_in_the_page(run, capsys):
    evaluated = {**quality([str(n) for n in range(2)]), "accuracy": 0.4321}
    run.add_evaluation(quality=evaluated, speed=SPEED, stability=STABILITY)
    compress(run, age=-10)
    assert main(["report", str(run.path)]) == 0
    assert capsys.readouterr().out.strip() == str(run.report)
    page = run.report.read_text()
    assert {"calibration", "speed", "stability", "compression"} <= set(Parsed(page).sections())
    assert "43.21 %" in page, "the evaluation is not done again"
    assert "older than the model" not in page


def test_a_model_that_diverged_is_told_of_without_figures_that_are_none(run):
    model = keras.saving.load_model(run.model)
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    model.save(run.model)
    assert main(["report", str(run.path)]) == 0
    page = run.report.read_text()
    assert "360 of 360 answers are not finite: no loss, no calibration." in page
    assert "nan%" not in page


def test_a_compression_of_before_is_told_and_a_damaged_one_refused(run, capsys):
    compress(run, age=10)
    assert main(["report", str(run.path)]) == 0
    assert "older than the model" in run.report.read_text()
    (run.path / "compressed" / "compression.json").write_text("{")
    assert main(["report", str(run.path)]) == 2
    assert "run `tftrain compress` again" in capsys.readouterr().err


@pytest.mark.parametrize("section", [
    {"quality": {"accuracy": 0.5}},
    {"speed": {"inference": [{"batch": 1}]}},
    {"stability": {"rows": []}},
])  # fmt: skip
def test_an_evaluation_of_another_version_is_named(section, run, capsys):
    run.add_evaluation(**section)
    assert main(["report", str(run.path)]) == 2
    told = capsys.readouterr().err
    assert "evaluation.json does not hold what this version of tftrain writes; remove it" in told


@pytest.mark.parametrize(("arguments", "told"), [
    (["RUN", "--out=page.html"], "--out needs --compare"),
    (["--compare", "RUN"], "expected two or more run folders, received one: "),
    (["--compare"], "expected two or more run folders, received none"),
    (["--compare", "RUN", "nowhere"], "nowhere does not exist"),
    (["--compare", "RUN", "RUN", "--out="], "--out is empty"),
    (["--compare", "RUN", "RUN", "--out=."], "is a folder; expected the name of a page"),
])  # fmt: skip
def test_mistakes_in_the_command_are_told(arguments, told, finished_run, capsys):
    assert main(["report", *(each.replace("RUN", str(finished_run)) for each in arguments)]) == 2
    assert told in capsys.readouterr().err


def test_a_run_without_a_model_is_not_compared(run, capsys):
    run.write_json(run.result, {"status": "interrupted"})
    assert main(["report", "--compare", str(run.path), str(run.path)]) == 2
    assert "has no finished model: the run is interrupted" in capsys.readouterr().err


def test_runs_that_were_compared_have_a_page(run, tmp_path):
    comparison = comparison_page(("one", "other")).comparison
    report_comparison.write([run, run], comparison, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "2 runs compared" in page
    assert f"tftrain report --compare {run.path} {run.path} --out=compare.html" in page


def test_several_runs_are_compared(finished_run, run, tmp_path, capsys):
    out = tmp_path / "pages" / "compare.html"
    assert main(["report", "--compare", str(finished_run), str(run.path), f"--out={out}"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert {"verdicts", "runs", "curves"} <= set(Parsed(out.read_text()).sections())
