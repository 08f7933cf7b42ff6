import dataclasses
import functools
import itertools
import re

import numpy as np
import pytest

from tests.report.sample_pages import (
    HOSTILE,
    SURE,
    TRUE,
    VARIANTS,
    Parsed,
    bare_report,
    comparison_page,
    full_report,
    metrics,
    quality,
)
from tftrain import evaluate
from tftrain.report import Compressed, render, render_comparison, reproducing


@functools.cache
def page_of(kind):
    if kind == "compared":
        return render_comparison(comparison_page())
    return render(full_report() if kind == "full" else bare_report())


@pytest.fixture(params=["bare", "full", "compared"])
def parsed(request):
    return Parsed(page_of(request.param))


@pytest.fixture
def full():
    return page_of("full")


@pytest.fixture
def bare():
    return page_of("bare")


def test_the_page_asks_for_nothing(parsed):
    for address in parsed.addresses():
        assert address.startswith(("data:", "#")), address
    assert not parsed.all("script", "iframe", "object", "embed", "form")
    policy = next(each for each in parsed.all("meta") if "http-equiv" in each)
    assert policy["content"].startswith("default-src 'none'; img-src data:;")
    for picture in parsed.pictures():
        assert not re.search(r'href="(?!#|data:)', picture)
        assert "<!DOCTYPE" not in picture


def test_identifiers_are_unique_and_the_contents_lead_to_them(parsed):
    found = [each["id"] for _, each in parsed.elements if "id" in each]
    assert len(found) == len(set(found))
    led_to = [each["href"].removeprefix("#") for each in parsed.all("a")]
    assert led_to == parsed.sections()


def test_the_page_can_be_heard(parsed):
    assert parsed.all("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(each.get("alt") for each in parsed.all("img"))
    assert all(each.get("scope") in ("col", "row") for each in parsed.all("th"))
    assert len(parsed.all("thead")) == len(parsed.all("table"))


def test_sections_stand_where_there_are_data(full):
    assert Parsed(full).sections() == [
        "curves", "resources", "quality", "calibration", "mistakes", "speed", "stability",
        "compression", "configuration", "environment", "reproduce",
    ]  # fmt: skip


def test_what_is_missing_is_named_with_the_command_that_brings_it(bare):
    sections = Parsed(bare).sections()
    assert sections == ["curves", "resources", "quality", "mistakes", "configuration",
                        "environment", "reproduce", "missing"]  # fmt: skip
    missing = bare[bare.index('id="missing"') :]
    folder = "&#39;runs/run &lt;1&gt;&#39;"
    for command in ("evaluate {} --quality", "evaluate {} --speed", "evaluate {} --stability",
                    "compress {} --prune=0.8 --quantize=int8"):  # fmt: skip
        assert f"<code>tftrain {command.format(folder)}</code>" in missing
    assert "gradient_norms" not in missing


def test_a_run_without_norms_and_resources_has_its_curves():
    page = render(bare_report(metrics=[{"epoch": 1, "loss": 1.0, "accuracy": 0.5}]))
    assert "curves" in Parsed(page).sections()
    assert "resources" not in Parsed(page).sections()
    assert "<code>tftrain train --gradient_norms</code>" in page


def test_figures_and_settings_are_shown(full):
    for shown in ("75.00 %", "95%: 30.00 to 95.00 %", "0.5000", "2.0 s", "1,234", "9,610",
                  "<dd>mlp</dd>", "Not set: data_dir.", "3.15.1", "3.00 GB"):  # fmt: skip
        assert shown in full


@pytest.mark.parametrize("shown", [
    "(95% interval 30.00% to 95.00%); 100.00% have the right class among the 3 most probable",
    "<td>0.667</td>",  # F1
    "<td>0.0500</td><td>0.02</td>",  # calibration
    "50% to 100%",  # a bin; the empty one is left out
    "<td>0.25</td><td>0.5</td><td>0.75</td><td>4,000</td><td>77</td>",  # speed
    "41,234 examples a second in batches of 32",
    "Over corruptions 1 of 2 differences exceeds the noise",
    '<th scope="row">blur</th><td>1.0000</td><td>0.0000*</td>',
    "<td>0.5000</td><td>0.7071</td><td>0.0000</td><td>seed 1</td>",
    '<tr class="chosen"><th scope="row">small</th>',
    '<tr class="beyond"><th scope="row">tiny</th>',
    "<td>8.0x</td>",
    "<td>0.125</td>",
    "<td>made tiny</td>",
])  # fmt: skip
def test_each_section_has_its_figures(full, shown):
    assert shown in full


def test_bins_without_examples_are_left_out(full):
    assert "0% to 50%" not in full


def test_given_figures_stand_in_their_sections(full):
    assert len(Parsed(full).pictures()) == len(Parsed(page_of("bare")).pictures()) + 3


def test_commands_make_the_run_again(full):
    commands = full[full.index('id="reproduce"') :]
    for line in ("tftrain train --config=&#39;runs/run &lt;1&gt;&#39;/config.json --out=runs/again",
                 "tftrain export", "tensorflow==2.21.0", "keras==3.15.1"):  # fmt: skip
        assert line in commands


def test_a_run_of_a_cluster_says_so():
    page = render(bare_report(metrics=(), config={"strategy": "multiworker"}))
    assert "The strategy was multiworker" in page


def test_hostile_names_are_text():
    labels = [HOSTILE, "$x_$"]
    report = full_report(
        title=HOSTILE,
        metrics=(),
        folder=HOSTILE,
        config={HOSTILE: HOSTILE},
        quality=quality(labels),
        mistake_titles=[f"{HOSTILE}, said $x_$"],
        stability={"baseline": {"accuracy": 1.0}, "rows": [], "verdict": HOSTILE},
        speed={"inference": []},
    )
    names = (HOSTILE, "_hidden $")
    for page in (render(report), render_comparison(comparison_page(names, metrics=((), ())))):
        assert not Parsed(page).all("script")
        assert "&#34;&gt;&lt;script&gt;alert(1)" in page
    assert "$x_$" in render(report)


def test_many_classes_are_a_picture_and_a_table_of_the_worst():
    labels = [f"$class {n}" for n in range(30)]
    f1 = np.linspace(1, 0.5, 30)
    many = {**quality(labels), "confusion": np.eye(30, dtype=int) * 2, "support": [2] * 30}
    many |= dict.fromkeys(("precision", "recall", "f1"), f1.tolist())
    page = render(bare_report(metrics=(), quality=many))
    assert "confusion" not in {each.get("class") for each in Parsed(page).all("table")}
    assert "Confusion matrix of 30 classes; nothing was taken" in page
    assert page.index("$class 29") < page.index("$class 0<")


def test_a_perfect_model_has_no_mistakes():
    perfect = {**quality(), "confusion": [[2, 0], [0, 2]]}
    page = render(
        bare_report(metrics=(), quality=perfect, mistakes=np.zeros((0, 8, 8, 1)), mistake_titles=[])
    )
    assert "every test example was classified correctly" in page


def test_more_mistakes_than_are_shown_are_counted():
    many = {**quality(), "confusion": [[1, 1000], [0, 2]]}
    assert "1,000 of 1,003 answers are wrong; here are the 1" in render(
        bare_report(metrics=(), quality=many)
    )


def test_files_older_than_the_model_are_told():
    page = render(full_report(metrics=(), compressed=Compressed(VARIANTS, None, is_older=True)))
    assert "older than the model" in page


def test_nothing_recommended_is_told():
    document = {**VARIANTS, "recommended": None}
    page = render(full_report(metrics=(), compressed=Compressed(document, None, is_older=False)))
    assert "No variant is recommended" in page


def test_a_training_that_diverged_has_a_page():
    lost = metrics(2, loss=None, gradient_norm_mean=None)
    page = render(bare_report(metrics=lost, quality={**quality(), "loss": None}))
    assert "curves" in Parsed(page).sections()


def test_the_same_run_makes_the_same_page(full):
    assert render(full_report()) == full


def test_the_versions_of_packages_are_pinned_and_nothing_else():
    environment = {"python": "3.11.7", "machine": "4 cores", "job": "1234", "keras": "3.15.1",
                   "tf-keras": "missing"}  # fmt: skip
    commands = dict(reproducing.section("runs/a", {}, environment).commands)
    pinned = commands["With the same versions, on Python 3.11.7:"]
    assert pinned == ["pip install \\", "    keras==3.15.1"]


def test_runs_are_compared(full):
    page = render_comparison(comparison_page(("first", "second", "third")))
    for shown in ("3 runs compared", "second beside first: the difference of -100.0 points",
                  "<td>-100.00</td><td>-100.00 to -87.28</td><td>40</td><td>0</td><td>3.6e-12</td>",
                  "0.9119 to 1.0000", "<td>model of third</td>",
                  "tftrain report --compare runs/first runs/second runs/third"):  # fmt: skip
        assert shown in page
    assert page.count('class="swatch drawn"') == 3


def test_what_seeds_say_of_a_difference_is_told_too():
    seeds = ([0.97, 0.98, 0.975], [0.96, 0.955, 0.965])
    comparison = evaluate.compare(("first", "second"), TRUE, [SURE, SURE], seeds=seeds).as_dict()
    page = render_comparison(comparison_page(comparison=comparison))
    assert "second beside first, over 3 and 3 seeds: the difference of -1.5 points" in page


def test_one_epoch_is_no_epochs():
    assert ", 1 epoch</" in render(bare_report(config={**bare_report().config, "epochs": 1}))


def test_runs_with_the_same_settings_say_so():
    page = comparison_page()
    same = {**page.comparison, "settings": {}}
    shown = render_comparison(dataclasses.replace(page, comparison=same, metrics=((), ())))
    assert "All settings are the same." in shown
