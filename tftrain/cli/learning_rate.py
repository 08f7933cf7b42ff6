"""What `tftrain train --find_learning_rate` does: suggest a rate, and draw why."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from absl import flags

from tftrain import app, distribute, training
from tftrain.atomic import replace_file

_UPDATES = 100


def problems(values: flags.FlagValues) -> Iterator[str]:
    """What contradicts the search on the command line."""
    for name in ("resume", "overwrite"):
        if values[name].value:
            yield f"--find_learning_rate makes no run: leave out --{name}"


def searched(config: training.TrainConfig) -> training.TrainConfig:
    """The settings to search with: the schedule starts from the rate that is looked for."""
    return dataclasses.replace(config, schedule="constant", warmup=None)


def find(experiment: training.Experiment, beside: Path) -> int:
    """Searches, prints the suggestion and writes the plot.

    Args:
        experiment: Compiled by `searched` settings; left as it is.
        beside: The run folder of such a training, real or not: the plot's name begins with its.
    """
    from tftrain import callbacks
    from tftrain.report import plots

    plot = beside.with_name(f"{beside.name}-learning-rate.png")
    app.output_folder(plot.parent)
    steps = _UPDATES * experiment.config.accumulate
    finder = callbacks.LearningRateFinder(steps)
    _fit(experiment, finder, steps)
    found = finder.result()
    if distribute.is_writer(experiment.model.distribute_strategy):
        with replace_file(plot) as temporary:
            figure = plots.learning_rate_search(found.rates, found.losses, found.suggestion)
            figure.savefig(temporary, format="png", dpi=110)
        print(f"suggestion     --learning_rate={found.suggestion:.2g}\nplot           {plot}")
    return 0


def _fit(experiment: training.Experiment, finder: object, steps: int) -> None:
    experiment.model.fit(
        experiment.batches(), steps_per_epoch=steps, callbacks=[finder], shuffle=False, verbose=0
    )
