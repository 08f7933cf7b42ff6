"""Optuna, asked and told: what the next trial is given, and which one is not worth going on with.

The study lives in memory. What it must know is in the sweep's folder (see folder.py), from which it
is built again when a sweep goes on.
"""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import numpy as np

from tftrain.errors import SweepError
from tftrain.sweeps import trials
from tftrain.sweeps.dimensions import Choices, Dimension
from tftrain.sweeps.space import Settings, Space
from tftrain.sweeps.trials import Trial

SAMPLERS = ("grid", "random", "tpe")
PRUNERS = ("none", "median", "halving")
_LEFT_ALONE = 4  # trials that are finished before one is stopped beside them
_REDUCTION = 3


def require_optuna() -> None:
    """Raises SweepError unless Optuna is installed."""
    if importlib.util.find_spec("optuna") is None:
        raise SweepError(
            ["sweeps need the package optuna, which is not installed: pip install 'tftrain[sweep]'"]
        )


class Study:
    """What Optuna knows of a sweep.

    Args:
        space: What is varied.
        goal: max or min.
        sampler: Of `SAMPLERS`.
        prune: Of `PRUNERS`.
        prune_after: Epochs that every trial may have.
        seed: Of what is drawn; the n-th draw follows from it and n alone, but for TPE, which
            looks at the trials before.
    """

    def __init__(
        self, space: Space, *, goal: str, sampler: str, prune: str, prune_after: int, seed: int
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._space, self._seed, self._sampler = optuna, space, seed, sampler
        self._distributions = {name: self._distribution(one) for name, one in space.items()}
        self._study = optuna.create_study(
            direction={"max": "maximize", "min": "minimize"}[goal],
            sampler=optuna.samplers.RandomSampler(seed=seed),
            pruner=self._pruner(prune, prune_after),
        )
        self._asked: dict[int, Any] = {}
        self._reported: dict[int, int] = {}

    def draw(self, number: int) -> Settings:
        """The settings of a new trial, which has then begun."""
        self._study.sampler = self._sampler_of(number)
        asked = self._study.ask(self._distributions)
        self._asked[number] = asked
        drawn = {name: asked.params[name] for name in self._space}
        return {
            name: value if isinstance(one, Choices) else one.rounded(value)
            for (name, one), value in zip(self._space.items(), drawn.values(), strict=True)
        }

    def begin(self, trial: Trial) -> None:
        """Tells of a trial whose settings are given, unless they were drawn here."""
        if trial.number not in self._asked:
            self._study.enqueue_trial(dict(trial.settings))
            self._asked[trial.number] = self._study.ask(self._distributions)

    def report(self, trial: Trial, epoch: int, value: float) -> bool:
        """Tells of an epoch; gives whether the trial is not worth going on with.

        An epoch that was told of before, as those of a trial that goes on, is passed over.
        """
        if epoch <= self._reported.get(trial.number, 0):
            return False
        self._reported[trial.number] = epoch
        asked = self._asked[trial.number]
        asked.report(value, epoch)
        return asked.should_prune()

    def end(self, trial: Trial) -> None:
        """Tells that a trial has ended."""
        state = self._optuna.trial.TrialState
        asked = self._asked[trial.number]
        if trial.state == trials.FINISHED:
            self._study.tell(asked, trial.value)
        else:
            ended = {trials.STOPPED: state.PRUNED, trials.FAILED: state.FAIL}[trial.state]
            self._study.tell(asked, state=ended)

    def _distribution(self, one: Dimension) -> Any:
        kinds = self._optuna.distributions
        if isinstance(one, Choices):
            return kinds.CategoricalDistribution(one.values)
        of = kinds.IntDistribution if one.is_whole else kinds.FloatDistribution
        return of(one.low, one.high, log=one.log)

    def _sampler_of(self, number: int) -> Any:
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        if self._sampler == "random":
            return self._optuna.samplers.RandomSampler(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            # Trials under way count as bad ones, so that no two of them look at the same place.
            return self._optuna.samplers.TPESampler(seed=seed, constant_liar=True)

    def _pruner(self, name: str, after: int) -> Any:
        pruners = self._optuna.pruners
        if name == "median":
            return pruners.MedianPruner(n_startup_trials=_LEFT_ALONE, n_warmup_steps=after)
        if name == "halving":
            return pruners.SuccessiveHalvingPruner(
                min_resource=max(after, 1), reduction_factor=_REDUCTION
            )
        return pruners.NopPruner()
