"""Trainings whose exports and reports are not the subject.

Verifying takes a process, and drawing as long as such a training itself.
"""

import json

from tftrain.cli.main import main

QUICK = ("train", "--noverify_export", "--noreport")


def train(*flags):
    """Runs `tftrain train` with flags; gives its exit status."""
    return main([*QUICK, *flags])


def metrics(folder):
    """What a run's epochs have logged, but for times and resources, of which no two are alike."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: line[k] for k in line if k not in ("seconds", "resources")} for line in lines]
