"""The recipes' benchmark runs them, reads what they leave, and keeps the page's tables."""

import json
import re
import runpy
import shutil
from pathlib import Path

import pytest
import recipe_table
from absl.flags import FLAGS
from absl.testing import flagsaver
from recipe import DATASETS
from recipe_list import RECIPES
from recipe_table import Outcome

SCRIPT = Path(__file__).parents[2] / "benchmarks/recipes.py"
FOLDER = Path(__file__).parents[2] / "recipes"
PAGE = FOLDER / "README.md"
BY_NAME = {recipe.name: recipe for recipe in RECIPES}
LINEAR = BY_NAME["linear_regression"]

WEAK = """\
import pathlib, sys
out = pathlib.Path(sys.argv[-1].removeprefix("--out="))
out.mkdir()
(out / "result.json").write_text('{"test accuracy": 0.25, "linear model": 0.5}')
"""


@pytest.fixture
def page(tmp_path):
    return Path(shutil.copy(PAGE, tmp_path))


@pytest.fixture
def outcome():
    made = Outcome(LINEAR)
    figures = {"gradient descent, difference from Keras": 1e-7, "adam, difference from Keras": 2e-6}
    made.add(12.0, figures)
    made.add(14.0, {**figures, "adam, difference from Keras": 3e-6})
    return made


@pytest.fixture
def benchmark(tmp_path, page, monkeypatch):
    """`main` of the benchmark, as if the first recipe were a script of ours."""

    def exit_of(script, *flags):
        (tmp_path / "recipes").mkdir()
        (tmp_path / "recipes/mlp_1000.py").write_text(script)
        with flagsaver.flagsaver():
            main = runpy.run_path(str(SCRIPT), run_name="recipes")["main"]
            monkeypatch.setitem(main.__globals__, "ROOT", tmp_path)
            FLAGS([str(SCRIPT), "--only=mlp_1000", f"--page={page}", *flags])
            with pytest.raises(SystemExit) as ended:
                main([])
        return ended.value.code

    return exit_of


@pytest.fixture(scope="module")
def lines(printed_by):
    return printed_by("recipes", "--dataset=digits", "--only=linear_regression")


def test_it_runs_a_recipe_and_ends_with_a_line_of_json(lines):
    document = json.loads(lines[-1])
    assert (document["dataset"], document["quick"]) == ("digits", True)
    (of,) = document["recipes"].values()
    assert of["command"] == "python recipes/linear_regression.py --dataset=digits"
    assert of["fault"] is None
    assert 0 < of["figures"]["adam, difference from Keras"][0] < 1e-5
    assert {"versions", "hardware"} <= set(document)


def test_every_recipe_is_known_to_it():
    assert sorted(BY_NAME) == sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_page_has_every_recipe_as_the_script_has_it(dataset, page):
    recipe_table.write(page, dataset, [])
    assert page.read_text() == PAGE.read_text(), "run benchmarks/recipes.py, which writes the table"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_flags_and_figures_are_the_recipes_own(recipe):
    code = (FOLDER / f"{recipe.name}.py").read_text()
    defined = re.findall(r'^\w+ = flags\.DEFINE_\w+\(\s*"(\w+)"', code, re.MULTILINE)
    for dataset in DATASETS:
        given = [flag.partition("=")[0].strip("-") for flag in recipe.flags(dataset)]
        assert set(given) | {"seed", "out", "epochs"} <= set(defined)
        assert recipe.expected[dataset]
    assert ("data_dir" in defined) == recipe.reads_mnist


def test_a_row_is_replaced_and_the_others_stay(page, outcome):
    before = page.read_text()
    recipe_table.write(page, "digits", [outcome])
    changed = set(page.read_text().splitlines()) - set(before.splitlines())
    (row,) = changed
    assert row.startswith("| [linear_regression.py](linear_regression.py)")
    assert "| 13 s |" in row
    assert "gradient descent, difference from Keras 1.0e-07; adam" in row  # the same twice
    assert row.endswith("; adam, difference from Keras 2.0e-06, 3.0e-06 |")


def test_a_page_without_its_place_is_refused(page):
    page.write_text("# Recipes\n")
    with pytest.raises(ValueError, match="has no <!-- mnist"):
        recipe_table.write(page, "mnist", [])


def test_a_failed_recipe_keeps_its_row(page):
    before = page.read_text()
    recipe_table.write(page, "mnist", [Outcome(LINEAR, fault="exit status 1")])
    assert page.read_text() == before


def test_what_is_measured_is_written_even_if_it_is_not_as_expected(benchmark, page, capsys):
    assert benchmark(WEAK) == 0
    assert "test accuracy 0.2500; linear model 0.5000 |" in page.read_text()
    assert capsys.readouterr().err.endswith(
        "mlp_1000: test accuracy is 0.2500; expected 0.84 to 0.875\n"
    )


def test_check_fails_and_writes_nothing(benchmark, page):
    assert benchmark(WEAK, "--check") == 1
    assert page.read_text() == PAGE.read_text()


def test_check_of_good_figures_succeeds(benchmark):
    assert benchmark(WEAK.replace("0.25", "0.86"), "--check", "--seeds=2") == 0


@pytest.mark.parametrize(
    ("script", "limit", "message"),
    [
        ("raise SystemExit('no data')", 60, "exit status 1:\nno data"),
        ("", 60, "left no result.json"),
        ("import time; time.sleep(100)", 1, "not ended after 1 s"),
    ],
)
def test_a_recipe_that_fails_is_told_with_its_last_words(script, limit, message, benchmark, capsys):
    assert benchmark(script, f"--limit={limit}") == 1
    assert f"mlp_1000, seed 0: {message}" in capsys.readouterr().err


def test_what_is_not_as_expected_is_told(outcome):
    assert outcome.problems("mnist") == []
    outcome.figures["adam, difference from Keras"][1] = 0.25
    assert outcome.problems("mnist") == [
        "linear_regression: adam, difference from Keras is 0.2500; expected ≤ 1e-05"
    ]
    del outcome.figures["adam, difference from Keras"]
    (problem,) = outcome.problems("mnist")
    assert problem.startswith("linear_regression: no figure 'adam, difference from Keras', only ")


@pytest.mark.parametrize(
    ("bounds", "words", "inside", "outside"),
    [
        ((0.9, None), "≥ 0.9", 0.9, 0.89),
        ((None, 1e-6), "≤ 1e-06", 0.0, 2e-6),
        ((0.5, 0.6), "0.5 to 0.6", 0.55, 0.61),
    ],
)
def test_bounds(bounds, words, inside, outside):
    assert recipe_table.words(bounds) == words
    assert recipe_table.within(inside, bounds)
    assert not recipe_table.within(outside, bounds)
    assert not recipe_table.within(float("nan"), bounds)
