"""Flags about checkpoints and preemption, and the callbacks that they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from absl import flags

from tftrain import training
from tftrain.distribute import signals
from tftrain.errors import Preempted

_SECONDS = 60.0


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_integer(
        "checkpoint_every_steps",
        None,
        "save after every so many batches of an epoch",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_float(
        "checkpoint_every_secs",
        None,
        f"save after so many seconds (default: {_SECONDS:g}; not with --sync_every)",
        lower_bound=0.001,
        flag_values=values,
    )
    flags.DEFINE_list(
        "preempt_signals",
        list(signals.PREEMPTING),
        "signals after which to save and stop; empty for none",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "force_resume",
        False,
        "with --resume: settings may differ from those the run has had",
        flag_values=values,
    )


def problems(values: flags.FlagValues) -> Iterator[str]:
    """What is wrong with these flags."""
    if values.force_resume and not values.resume:
        yield "--force_resume needs --resume: it says how to go on"
    for name in values.preempt_signals:
        if name not in signals.HANDLED:
            yield f"--preempt_signals={name}: expected names such as SIGTERM,SIGUSR1"


def callbacks(
    values: flags.FlagValues, folder: training.RunFolder, experiment: training.Experiment
) -> list[Any]:
    """The callbacks that save, to come last."""
    from tftrain import callbacks  # imports Keras, which --help must not wait for

    secs = values.checkpoint_every_secs
    if secs is None and experiment.config.sync_every is None:
        secs = _SECONDS
    checkpoint = callbacks.Checkpoint(
        folder.checkpoints,
        every_steps=values.checkpoint_every_steps,
        every_secs=secs,
        resume="force" if values.force_resume else True,
    )
    names = values.preempt_signals
    return [checkpoint, *([callbacks.Preemption(names)] if names else [])]


def told_how_to_go_on(error: Preempted, command: str) -> Preempted:
    """The error with the command that goes on."""
    number = error.exit_code - 128
    return Preempted(error.signal, number, error.step, error.directory, command)
