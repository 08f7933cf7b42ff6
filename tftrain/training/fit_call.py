"""One call of `fit`: its engine chosen, its data prepared, and Keras's `fit` called with both."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute import roles
from tftrain.distribute.keras_bridge.symbolic_build import batch_of_specs
from tftrain.errors import EngineError
from tftrain.keras_api import keras
from tftrain.notices import notice
from tftrain.training import engine_choice, engine_memory, fit_arguments, obstacles
from tftrain.training.batch_callbacks import (
    listed,
    needing_every_batch,
    seconds_between_calls,
    steps_between_calls,
)
from tftrain.training.engine_choice import first_line
from tftrain.training.engines import AUTO, FUSED, FUSED_XLA, KERAS, MULTI_STEP
from tftrain.training.fit_data import FitData
from tftrain.training.fused_data import FusedData
from tftrain.training.fused_steps import FusedSteps
from tftrain.training.multi_steps import MultiSteps

_READ_BY_DATA = (
    *("x", "y", "sample_weight", "class_weight", "batch_size", "shuffle"),
    *("validation_data", "validation_split", "validation_batch_size"),
)
_WORTH_COMPILING = 2_500  # steps of validation that take as long as XLA's compilation


class FitCall:
    """A model and the arguments of `model.fit`, by name; `seed` is that of the order of arrays."""

    def __init__(self, model: Any, arguments: dict[str, Any], seed: int | None) -> None:
        self._model, self._arguments = model, arguments
        self._acting = needing_every_batch(arguments["callbacks"])
        self._every = steps_between_calls(arguments["callbacks"])
        self._secs = seconds_between_calls(arguments["callbacks"])
        self._seed = seed
        self._made: dict[str, FusedSteps] = {}

    @functools.cached_property
    def _data(self) -> tuple[FitData, FitData | None]:
        return fit_arguments.data_of(self._arguments, self._seed)

    @property
    def _train(self) -> FitData:
        return self._data[0]

    @property
    def _validation(self) -> FitData | None:
        return self._data[1]

    def run(self, engine: str) -> keras.callbacks.History:
        """Trains by the engine of this name."""
        if engine == AUTO:
            engine = self.choose()
        elif found := self._obstacle(engine):
            raise EngineError(
                f"engine {engine!r} cannot run this: {found}; use engine='auto' or 'keras'"
            )
        self._model.__dict__["_tftrain_engine"] = engine  # for checkpoints
        history = self._with_functions(engine)
        history.engine = engine
        return history

    def choose(self) -> str:
        """The engine that `auto` stands for, said in a line on stderr."""
        engine, reason = self._choose()
        _say_once(self._model, f"engine {engine} ({reason})")
        if engine in self._made:
            self._model.train_function = self._made[engine]
        return engine

    def _obstacle(self, engine: str) -> str | None:
        in_model = obstacles.in_model(engine, self._model)
        if in_model or engine == KERAS:
            return in_model
        return obstacles.in_call(engine, self._model, self._train, self._acting)

    def _choose(self) -> tuple[str, str]:
        before = self._resumes_from.get("engine")
        if before and not self._obstacle(before):
            return before, "as before the checkpoint"
        found = self._obstacle(FUSED)
        if not found:
            return self._measure()
        if not self._obstacle(MULTI_STEP):
            return MULTI_STEP, found
        return KERAS, found

    @functools.cached_property
    def _resumes_from(self) -> dict[str, Any]:
        """What the checkpoint says that a callback will go on from; empty if there is none.

        Of several workers the chief alone may have it, and all must choose alike; where they take
        steps together, they were as many at a time before.
        """
        if roles.is_multi_worker(self._model.distribute_strategy):
            return {}
        callbacks = listed(self._arguments["callbacks"])
        told = (getattr(callback, "resumes_from", None) for callback in callbacks)
        return next((document for document in told if document), {})

    def _measure(self) -> tuple[str, str]:
        data = self._fused(self._train)
        try:
            self._build()
            single = data.capacity == 1
            key = engine_memory.key(self._model, data.chunks.spec, single)
            names = (FUSED,) if self._obstacle(FUSED_XLA) else (FUSED, FUSED_XLA)
            choice = engine_choice.choose(
                self._program, data.sample, self._steps_left(), key, names
            )
        except Exception as error:  # the user's model fails in Keras too, which then says how
            return KERAS, f"a trial step failed: {type(error).__name__}: {first_line(error)}"
        return choice.engine, choice.reason

    def _steps_left(self) -> float:
        epochs = self._arguments["epochs"] - self._arguments["initial_epoch"]
        return math.inf if self._train.batches is None else self._train.batches * epochs

    def _build(self) -> None:
        batch = batch_of_specs(self._train.chunks.spec)
        with self._model.distribute_strategy.scope():
            self._model._symbolic_build(data_batch=batch)

    def _program(self, engine: str) -> FusedSteps:
        """The training program, this model's last one if it can be used again."""
        if engine not in self._made:
            last, xla = self._model.train_function, engine == FUSED_XLA
            if not isinstance(last, FusedSteps) or last.xla != xla:
                last = FusedSteps(self._model, self._model.train_step, xla)
            self._made[engine] = last
        return self._made[engine]

    def _fused(self, of: FitData) -> FusedData:
        most = self._model.steps_per_execution if self._acting else None
        return of.fused(most, self._every if of is self._train else None, self._secs)

    def _with_functions(self, engine: str) -> keras.callbacks.History:
        if engine == KERAS:
            return self._by_keras()
        if engine == MULTI_STEP:
            return self._by_multi_step()
        return self._by_fused(engine)

    def _by_keras(self) -> keras.callbacks.History:
        if obstacles.reads_data_itself(self._model):
            return self._model.fit(**self._arguments)
        validation = self._validation and self._validation.adapter
        return self._fit(self._train.adapter, validation)

    def _by_multi_step(self) -> keras.callbacks.History:
        every = math.gcd(self._every or 0, self._resumes_from.get("batch", 0)) or None
        train, steps = self._train.several_at_a_time(every)
        make = functools.partial(MultiSteps, self._model, steps=steps)
        validation = self._validation and self._validation.adapter
        _keep_functions(self._model, of=())
        with _stepping(self._model, make):
            return self._fit(train, validation)

    def _by_fused(self, engine: str) -> keras.callbacks.History:
        self._build()
        train, program = self._fused(self._train), self._program(engine)
        validation = self._validation and self._validation.adapter
        if validation and not obstacles.in_call(FUSED, self._model, self._validation, []):
            validation = self._fused(self._validation)
        make = functools.partial(self._fused_steps, xla=engine == FUSED_XLA)
        with _stepping(self._model, make):
            self._model.train_function = program
            return self._fit(train, validation)

    def _fused_steps(self, step: Callable[[Any], Any], xla: bool) -> FusedSteps:
        if step == self._model.test_step:
            xla = xla and self._validation_steps() >= _WORTH_COMPILING
        return FusedSteps(self._model, step, xla)

    def _validation_steps(self) -> float:
        batches = self._validation and self._validation.batches
        return (batches or 0) * self._arguments["epochs"]

    def _fit(self, train: Any, validation: Any) -> keras.callbacks.History:
        given = {n: v for n, v in self._arguments.items() if n not in _READ_BY_DATA}
        order, callbacks = _Order(self._train), given["callbacks"]
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            given["callbacks"] = [order, *keras.tree.flatten(callbacks or [])]
            return self._model.fit(x=train, validation_data=validation, **given)
        callbacks.callbacks.append(order)
        try:
            return self._model.fit(x=train, validation_data=validation, **given)
        finally:
            callbacks.callbacks.remove(order)


class _Order(keras.callbacks.Callback):
    """Tells the data which epoch it is, also when `fit` goes on with a later one.

    Checkpoints keep the seed that was drawn for their order, and what tells them from others.
    """

    def __init__(self, data: FitData) -> None:
        super().__init__()
        self._data = data

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._data.begin_epoch(epoch)

    def checkpoint_identity(self) -> dict[str, str]:
        return self._data.description()

    def checkpoint_state(self) -> dict[str, int | None]:
        return {"seed": self._data.order_seed}

    def restore_checkpoint_state(self, state: dict[str, int | None]) -> None:
        self._data.order_seed = state["seed"]


@contextlib.contextmanager
def _stepping(model: Any, make: Callable[..., Any]) -> Iterator[None]:
    """Within the block the model's step functions are of this making.

    Fused ones stay with the model for the next `fit`, as Keras's own do; those of `multi_step` have
    a number of steps built in.
    """
    _keep_functions(model, of=FusedSteps)
    model.__dict__["_make_function"] = make  # past Keras's tracking, which would look into it
    try:
        yield
    finally:
        del model.__dict__["_make_function"]
        _keep_functions(model, of=FusedSteps)


def _keep_functions(model: Any, of: Any) -> None:
    """Drops the step functions that are of no such class, to be made anew."""
    for name in ("train_function", "test_function"):
        if not isinstance(getattr(model, name), of):
            setattr(model, name, None)


def _say_once(model: Any, text: str) -> None:
    """Repeated calls of `fit` say it once."""
    if getattr(model, "_tftrain_said", None) != text:
        notice(text)
        model.__dict__["_tftrain_said"] = text
