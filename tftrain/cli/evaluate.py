"""tftrain evaluate RUN: judge a run's model: how good its answers are, and how fast they come.

--quality (the default): on the test set accuracy with its interval, loss, top-k, precision, recall
and F1 of every class, confusion, calibration before and after temperature scaling, worst mistakes.
--speed: on this machine latencies by size of the batch, throughput, training steps, start-up,
memory, operations and what share of the machine's peak they attain; takes half a minute.

Prints tables, and writes what was found into RUN/evaluation.json and the plots into RUN.

Examples:
  tftrain evaluate runs/digits-mlp-1
  tftrain evaluate runs/digits-mlp-1 --metrics=accuracy,f1,roc_auc
  tftrain evaluate runs/digits-mlp-1 --quality --speed --batches=1,8,64
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags

from tftrain import training
from tftrain.atomic import replace_file
from tftrain.cli import quality_runs, speed_runs, stability_runs, trained
from tftrain.report import calibration_plot, speed_plot, stability_plot

_SECTIONS = {
    "quality": (quality_runs, "how good the answers are (default)"),
    "speed": (speed_runs, "how fast they come"),
    "stability": (stability_runs, "how much the accuracy moves when other things do"),
}
_PICTURES: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {
    "quality": ("calibration.png", calibration_plot.figure),
    "speed": ("speed.png", speed_plot.figure),
    "stability": ("stability.png", stability_plot.figure),
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
    yield from stability_runs.problems(values)


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Judges, prints and writes, a section after the other."""
    folder = training.RunFolder.open(positional[0])
    if values.stability:  # before TensorFlow runs here, which would take a GPU's memory
        stability_runs.train(folder, values)
    model, splits = trained.load_model(folder), trained.load_splits(folder)
    written = [folder.evaluation]
    for name in _asked(values):
        found = _SECTIONS[name][0].measure(folder, model, splits, values)
        section = found.as_dict()
        folder.add_evaluation(**{name: section})
        print(f"{found}\n", flush=True)
        written += _draw(folder, name, section)
    print("written  " + "\n         ".join(map(str, written)))
    return 0


def _asked(values: flags.FlagValues) -> list[str]:
    return [name for name in _SECTIONS if values[name].value] or ["quality"]
    model = trained.load_model(folder)
    quality = trained.judge(model, trained.load_splits(folder)).quality
    folder.add_evaluation(quality=quality.as_dict())
    print(f"accuracy  {quality.accuracy:.4f}\nloss      {quality.loss:.4f}\n")
    print(f"{_class_table(quality)}\n\n{_confusion_table(quality)}")
    if values.stability:
        _judge_stability(folder, model, values)
    return 0


def _judge_stability(
    folder: training.RunFolder, model: keras.Model, values: flags.FlagValues
) -> None:
    stability = stability_runs.measure(folder, model, trained.load_splits(folder), values)
    folder.add_evaluation(stability=stability.as_dict())
    print("", stability.table(), "\n".join(stability.verdicts), sep="\n\n")


def _class_table(quality: evaluate.Quality) -> str:
    width = max(len("class"), *map(len, quality.labels))
    rows = [f"{'class':{width}}  precision  recall     F1  examples"]
    for label, precision, recall, f1, support in zip(
        quality.labels, quality.precision, quality.recall, quality.f1, quality.support, strict=True
    ):
        rows.append(f"{label:{width}}  {precision:9.4f}  {recall:6.4f}  {f1:5.3f}  {support:8}")
    return "\n".join(rows)


def _draw(folder: training.RunFolder, name: str, section: Mapping[str, Any]) -> list[Any]:
    """The path of the section's picture; none where there is nothing to draw."""
    file, figure = _PICTURES[name]
    path = folder.path / file
    drawn = figure(section)
    if drawn is None:
        path.unlink(missing_ok=True)  # it would show the figures of before
        return []
    with replace_file(path) as temporary:
        drawn.savefig(temporary, dpi=120)
    return [path]
