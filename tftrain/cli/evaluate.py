"""tftrain evaluate RUN: judge a run's model: how good, how fast and how steady its answers are.

--quality (the default): on the test set accuracy with its interval, loss, top-k, precision, recall
and F1 of every class, confusion, calibration before and after temperature scaling, worst mistakes.
--speed: on this machine latencies by size of the batch, throughput, training steps, start-up,
memory, operations and what share of the machine's peak they attain; takes half a minute.
--stability: how far the accuracy moves over corrupted inputs, other precisions and, if --seeds or
--strategies ask for it, the same training again; takes as long as those trainings.

Prints tables, and writes what was found into RUN/evaluation.json and the plots into RUN.

Examples:
  tftrain evaluate runs/digits-mlp-1
  tftrain evaluate runs/digits-mlp-1 --metrics=accuracy,f1,roc_auc
  tftrain evaluate runs/digits-mlp-1 --quality --speed --batches=1,8,64
  tftrain evaluate runs/digits-mlp-1 --stability --seeds=3
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tftrain import app, training
from tftrain.atomic import replace_file
from tftrain.cli import quality_runs, speed_runs, stability_runs, trained

_SECTIONS = {
    "quality": (quality_runs, "how good the answers are (default)"),
    "speed": (speed_runs, "how fast they come"),
    "stability": (stability_runs, "how much the accuracy moves when other things do"),
}


def define_flags(values: flags.FlagValues) -> None:
    """What to judge, and the flags of each."""
    for name, (section, meaning) in _SECTIONS.items():
        flags.DEFINE_bool(name, False, meaning, flag_values=values)
        section.define_flags(values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    yield from trained.one_run(positional)
    for section, _ in _SECTIONS.values():
        yield from section.problems(values)
    if values.metrics is not None and "quality" not in _asked(values):
        yield "--metrics needs --quality"


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Judges, prints and writes, a section after the other."""
    folder = training.RunFolder.open(positional[0])
    _check(folder)
    if values.stability:  # before TensorFlow runs here, which would take a GPU's memory
        stability_runs.train(folder, values)
    model, splits = trained.load_model(folder), trained.load_splits(folder)
    written = [folder.evaluation]
    for name in _asked(values):
        found = _SECTIONS[name][0].measure(folder, model, splits, values)
        section = found.as_dict()
        folder.add_evaluation(**{name: section})
        print(f"{found}\n", flush=True)
        written += _draw(folder.pictures[name], name, section)
    print("written  " + "\n         ".join(map(str, written)))
    return 0


def _check(folder: training.RunFolder) -> None:
    """Finds before anything is measured what would stop it, or lose what it finds."""
    folder.require_model()
    folder.read_evaluation()
    app.output_folder(folder.path)


def _asked(values: flags.FlagValues) -> list[str]:
    return [name for name in _SECTIONS if values[name].value] or ["quality"]


def _draw(file: Path, name: str, section: Mapping[str, Any]) -> list[Path]:
    """The file of the section's picture; none where there is nothing to draw."""
    from tftrain.report import evaluation_figures  # matplotlib, which --help must not wait for

    drawn = evaluation_figures.FIGURES[name](section)
    if drawn is None:
        file.unlink(missing_ok=True)  # it would show the figures of before
        return []
    with replace_file(file) as temporary:
        drawn.savefig(temporary, dpi=120)
    return [file]
