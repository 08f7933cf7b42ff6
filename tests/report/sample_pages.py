"""Pages with all that can be in them, and what a parser finds in one."""

import base64
import dataclasses
import html.parser
import re

import numpy as np

from tftrain import evaluate
from tftrain.report import ComparisonPage, Compressed, RunReport, plots

VOID = {"meta", "link", "img", "br", "hr", "input"}
HOSTILE = '"><script>alert(1)</script>'


def metrics(epochs=3, **more):
    return [
        {
            "epoch": n, "loss": 1 / n, "accuracy": 1 - 1 / (n + 1), "val_loss": 1.2 / n,
            "val_accuracy": 0.9 - 1 / (n + 1), "learning_rate": 0.01 / n,
            "gradient_norm_mean": 1.5, "gradient_norm_max": 2.5,
            "resources": {"examples_per_second": 1000.0 * n, "cpu_share": 0.5,
                          "memory_peak_bytes": 3e9},
            **more,
        }
        for n in range(1, epochs + 1)
    ]  # fmt: skip


def quality(labels=("a", "b")):
    bins = [
        {"low": 0.0, "high": 0.5, "confidence": None, "accuracy": None, "examples": 0},
        {"low": 0.5, "high": 1.0, "confidence": 0.8, "accuracy": 0.75, "examples": 4},
    ]
    return {
        "accuracy": 0.75, "loss": 0.5, "labels": list(labels), "precision": [1.0, 0.5],
        "recall": [0.5, 1.0], "f1": [0.667, 0.667], "support": [2, 2],
        "confusion": [[1, 1], [0, 2]],
    } | {
        "accuracy_interval": [0.3, 0.95], "macro_f1": 0.667, "top_k": {"3": 1.0},
        "calibration": {"error": 0.05, "maximum_error": 0.06, "bins": bins, "temperature": 1.3,
                        "error_after": 0.02, "bins_after": bins},
    }  # fmt: skip


SPEED = {
    "training": {"examples_per_second": 41234.5, "batch": 32},
    "inference": [{"batch": 1, "median_ms": 0.25, "p95_ms": 0.5, "p99_ms": 0.75,
                   "examples_per_second": 4000.0, "calls": 77}],
    "startup": {"import_seconds": 3.1, "load_seconds": 0.2, "first_answer_seconds": 0.3},
    "peak_memory_bytes": 7e8, "flops_per_example": 57396, "peak_flops": 9e10, "utilization": None,
}  # fmt: skip
TRUE = np.arange(40) % 2
SURE = np.eye(2)[TRUE]
STABILITY = evaluate.stability(
    TRUE,
    SURE,
    {
        "seeds": {"seed 0": lambda: SURE, "seed 1": lambda: SURE[::-1]},
        "corruptions": {("blur", 1): lambda: SURE, ("blur", 5): lambda: 1 - SURE},
    },
).as_dict()


def _variant(name, gzip_bytes, accuracy):
    return {"name": name, "how": f"made {name}", "bytes": 5000, "gzip_bytes": gzip_bytes,
            "weights": {"nonzero": 200}, "accuracy": accuracy, "drop": 0.9 - accuracy,
            "latency": {"LiteRT": {"1": {"median": 0.125, "p95": 0.2, "calls": 30}}}}  # fmt: skip


VARIANTS = {
    "max_accuracy_drop": 0.01, "recommended": "small",
    "variants": [_variant("dense", 4000, 0.9), _variant("small", 500, 0.895),
                 _variant("tiny", 99, 0.5)],
}  # fmt: skip


def bare_report(**changes):
    """A run of which nothing more is known than its training tells."""
    report = RunReport(
        title="run <1>",
        folder="runs/run <1>",
        config={"model": "mlp", "dataset": "digits", "epochs": 3, "data_dir": None},
        environment={"python": "3.11.7", "keras": "3.15.1", "tensorflow": "2.21.0"},
        result={"train_seconds": 2.0, "examples_per_second": 1234.5, "parameters": 9610},
        metrics=metrics(),
        quality={
            name: value
            for name, value in quality().items()
            if name not in ("calibration", "accuracy_interval", "macro_f1", "top_k")
        },
        mistakes=np.zeros((1, 8, 8, 1), np.float32),
        mistake_titles=["a, said b"],
    )
    return dataclasses.replace(report, **changes)


def full_report(**changes):
    """A run of which all is known."""
    figure = plots.image_grid(np.zeros((1, 4, 4, 1)), ["drawn"])
    everything = {
        "quality": quality(),
        "learning_rates": [(0.0, 0.0), (1.0, 0.01), (3.0, 0.003)],
        "speed": SPEED,
        "stability": STABILITY,
        "compressed": Compressed(VARIANTS, None, is_older=False),
        "figures": dict.fromkeys(("quality", "speed", "stability"), figure),
    }
    return bare_report(**{**everything, **changes})


def comparison_page(names=("first", "second"), **changes):
    comparison = evaluate.compare(
        names,
        TRUE,
        [SURE, *(1 - SURE for _ in names[1:])],
        facts=[
            {"parameters": 9610, "train_seconds": 2.0, "examples_per_second": 1234.5,
             "engine": "fused_epoch"}
        ] * len(names),
        settings=[{"model": f"model of {name}"} for name in names],
    )  # fmt: skip
    return dataclasses.replace(
        ComparisonPage(
            comparison=comparison.as_dict(),
            metrics=[metrics(count) for count, _ in enumerate(names, 2)],
            folders=[f"runs/{name}" for name in names],
        ),
        **changes,
    )


class Parsed(html.parser.HTMLParser):
    """A page's elements; what is open is closed in order, or this raises."""

    def __init__(self, page):
        super().__init__()
        self.page, self.elements, self._open = page, [], []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]

    def addresses(self):
        """All that a browser would fetch or go to."""
        names = ("src", "srcset", "href", "action", "poster", "data")
        named = [each[name] for _, each in self.elements for name in names if name in each]
        return [*named, *re.findall(r"url\(([^)]*)\)|@import", self.page)]

    def pictures(self):
        """The SVG texts within."""
        head = "data:image/svg+xml;base64,"
        return [base64.b64decode(each["src"].removeprefix(head)).decode()
                for each in self.all("img") if each["src"].startswith(head)]  # fmt: skip

    def sections(self):
        return [each["id"] for each in self.all("section")]
