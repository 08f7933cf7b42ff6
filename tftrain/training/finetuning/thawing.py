"""The callback that thaws layers when their epoch comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tftrain.keras_api import keras
from tftrain.training.finetuning.layers import learning_layers, train_only
from tftrain.training.finetuning.stages import Stage


class Thawing(keras.callbacks.Callback):
    """Trains the layers of each stage from its first epoch on; to come before other callbacks.

    The optimizer was built for all of them. Those that go on being trained keep what it has
    gathered of them, and schedules go on; those that are thawed begin as at a first step.

    Args:
        stages: In order, the first from epoch 0.
    """

    needs_every_batch = False

    def __init__(self, stages: Sequence[Stage]) -> None:
        super().__init__()
        self._stages = list(stages)
        self._current = self._stages[0]

    def prepare(self, model: keras.Model) -> None:
        """Builds a compiled model's optimizer for every stage, and enters the first."""
        self._enter(model, self._stages[-1])
        model.optimizer.build(model.trainable_variables)
        self._enter(model, self._stages[0])

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Thaws what is due."""
        due = [stage for stage in self._stages if stage.epochs_before <= epoch][-1]
        if due is self._current:
            return
        before = {id(variable) for variable in self.model.trainable_variables}
        self._enter(self.model, due)
        thawed = [v for v in self.model.trainable_variables if id(v) not in before]
        _single(self.model.optimizer).begin(thawed)
        self.model.make_train_function(force=True)  # that of before trains what it knew

    def checkpoint_state(self) -> dict[str, Any]:
        """The stage, and when the training of each variable began."""
        begun = getattr(_single(self.model.optimizer), "begun", [])
        return {"stage": self._stages.index(self._current), "begun": begun}

    def restore_checkpoint_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `checkpoint_state` gave."""
        if state["begun"]:
            _single(self.model.optimizer).begun = [int(updates) for updates in state["begun"]]
        reached = self._stages[int(state["stage"])]
        if reached is not self._current:
            self._enter(self.model, reached)
            self.model.make_train_function(force=True)

    def _enter(self, model: keras.Model, stage: Stage) -> None:
        layers = learning_layers(model)
        train_only(model, layers, [each for each in layers if each.name in stage.trained])
        self._current = stage


def _single(optimizer: Any) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)
