import html.parser

import numpy as np
import pytest

from tftrain.report import RunReport, render, resources


class References(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.outside, self.alternatives = [], []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href") and not value.startswith("data:"):
                self.outside.append(value)
            if name == "alt":
                self.alternatives.append(value)


@pytest.fixture
def report():
    return RunReport(
        title="run <1>",
        config={"model": "mlp", "data_dir": None},
        environment={"keras": "3.15"},
        result={"train_seconds": 2.0, "examples_per_second": 1234.5, "parameters": 9610},
        metrics=[
            {"epoch": n, "loss": 1 / n, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.4}
            for n in (1, 2)
        ],
        quality={
            "accuracy": 0.75, "loss": 0.5, "labels": ["a", "b"], "precision": [1.0, 0.5],
            "recall": [0.5, 1.0], "f1": [0.667, 0.667], "support": [2, 2],
            "confusion": [[1, 1], [0, 2]],
        },
        mistakes=np.zeros((3, 8, 8, 1), np.float32),
        mistake_titles=["a, said b"] * 3,
    )  # fmt: skip


def replace(report, **changes):
    import dataclasses

    return dataclasses.replace(report, **changes)


def test_the_page_needs_no_other_file(report):
    parser = References()
    parser.feed(render(report))
    assert parser.outside == []
    assert len(parser.alternatives) == 3


def test_figures_and_settings_are_shown(report):
    page = render(report)
    for shown in ("75.00 %", "0.5000", "2.0 s", "1,234", "9,610", "<td>mlp</td>", "3.15"):
        assert shown in page


def test_names_are_escaped(report):
    assert "run &lt;1&gt;" in render(report)
    assert "run <1>" not in render(report)


def test_a_perfect_model_has_no_grid(report):
    page = render(replace(report, mistakes=np.zeros((0, 8, 8, 1)), mistake_titles=[]))
    assert "every test example was classified correctly" in page


def test_a_run_without_validation_has_its_curves(report):
    metrics = [{"epoch": 1, "loss": 1.0, "accuracy": 0.5}]
    assert "Loss and accuracy" in render(replace(report, metrics=metrics))


def test_resources_are_shown_if_the_run_has_them(report):
    used = {"examples_per_second": 1000.0, "cpu_share": 0.5, "memory_peak_bytes": 3e9}
    lines = [{**line, "resources": used} for line in report.metrics]
    page = render(replace(report, metrics=lines))
    assert "<h2>Resources</h2>" in page
    assert "3.00 GB" in page
    assert "GPUs" not in page
    assert "<h2>Resources</h2>" not in render(report)


def test_epochs_without_resources_stay_empty_in_their_curves(report):
    used = {"examples_per_second": 1000.0, "cpu_share": 0.5}
    first, second = report.metrics
    speed, shares = resources.figure([first, {**second, "resources": used}]).axes
    assert np.isnan(speed.lines[0].get_ydata()[0])
    assert [line.get_label() for line in shares.lines] == ["processor"]
    assert resources.table([first, {**second, "resources": used}])[0][1:] == ("1,000",) * 3
