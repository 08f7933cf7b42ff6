"""Learning rates that differ between the layers of a model, in one optimizer.

Keras's optimizers have one learning rate. These subclasses multiply it, variable by variable, in
the step and in the weight decay, and count the steps of a variable from where its training began:
an optimizer that corrects its averages by the number of steps, as Adam does, would otherwise move a
variable that joins late several times too far.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tftrain.errors import BadInput
from tftrain.keras_api import keras


def scale_rates(
    optimizer: keras.optimizers.Optimizer, rates: Mapping[str, float]
) -> keras.optimizers.Optimizer:
    """An optimizer with the same settings whose rate is another one for each variable.

    It works under every strategy and engine, and a saved model has it when it is loaded again
    (after `tftrain.optim.register()`). Schedules and `optimizer.learning_rate` stay those of the
    whole.

    Args:
        optimizer: Not yet built; of Keras or of tftrain. Its weight decay is scaled too, since
            that is a share of the rate.
        rates: Factor, more than 0, by a variable's path, such as `{"dense/kernel": 0.1}`; those
            not named have 1.

    Raises:
        BadInput: A factor is not positive, or the optimizer is built already or has a codec.

    Reference: Howard and Ruder, *Universal Language Model Fine-tuning for Text Classification*,
    2018, section 3.2.

    Example:
        >>> from tftrain.keras_api import keras
        >>> layer = keras.layers.Dense(1, name="dense")
        >>> layer.build((None, 1))
        >>> before = layer.get_weights()
        >>> optimizer = scale_rates(keras.optimizers.SGD(0.5), {"dense/kernel": 0.1})
        >>> optimizer.apply([keras.ops.ones((1, 1)), keras.ops.ones(1)], layer.weights)
        >>> [round(float((a - b).item()), 4) for a, b in zip(before, layer.get_weights())]
        [0.05, 0.5]
    """
    for path, rate in rates.items():
        if not 0 < rate < float("inf"):
            raise BadInput(f"the rate of {path!r} is {rate}; expected a positive factor")
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        config = optimizer.get_config()
        inner = scale_rates(optimizer.inner_optimizer, rates)
        return type(optimizer)(inner, **{n: v for n, v in config.items() if n in _LOSS_SCALING})
    if optimizer.built or hasattr(optimizer, "gradient_compression"):
        state = "built" if optimizer.built else "given a gradient codec"
        raise BadInput(f"the optimizer {optimizer.name!r} is {state} already: make a new one")
    config = {**optimizer.get_config(), "layer_rates": [[*item, 0] for item in rates.items()]}
    return scaled(type(optimizer)).from_config(config)


class LayerRates:
    """Mixed into an optimizer, gives each variable a rate and a count of steps of its own.

    Args:
        layer_rates: (path, factor, updates before its first one) of variables.
    """

    def __init__(
        self, *args: Any, layer_rates: Iterable[Sequence[Any]] = (), **options: Any
    ) -> None:
        super().__init__(*args, **options)
        # Past Keras's tracking, which would take them for state; likewise below.
        self.__dict__["_given"] = [tuple(entry) for entry in layer_rates]
        self.__dict__["_of_variable"] = {}

    def build(self, variables: Sequence[Any]) -> None:
        """Finds the entries of the variables."""
        if not self.built:
            paths = [variable.path for variable in variables]
            entries = _entries(self.__dict__["_given"], paths)
            self.__dict__["_given"] = entries
            keys = map(self._var_key, variables)
            self.__dict__["_of_variable"] = dict(zip(keys, range(len(entries)), strict=True))
        super().build(variables)

    def begin(self, variables: Iterable[Any]) -> None:
        """Counts the steps of variables from now on; they have not been trained before."""
        batches = int(keras.ops.convert_to_numpy(self._iterations))  # of replicas, the first's
        now = batches // (self.gradient_accumulation_steps or 1)
        for variable in variables:
            place = self.__dict__["_of_variable"][self._var_key(variable)]
            path, rate, _ = self.__dict__["_given"][place]
            self.__dict__["_given"][place] = (path, rate, now)

    @property
    def begun(self) -> list[int]:
        """The updates before the first one, by variable."""
        return [begun for _, _, begun in self.__dict__["_given"]]

    @begun.setter
    def begun(self, updates: Sequence[int]) -> None:
        given = self.__dict__["_given"]
        self.__dict__["_given"] = [(*entry[:2], n) for entry, n in zip(given, updates, strict=True)]

    @property
    def iterations(self) -> Any:
        """Updates done: within the step of a variable, of that variable."""
        done, before = super().iterations, self.__dict__.get("_before", 0)
        return done - before if before else done

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable at its rate."""
        _, rate, before = self._entry(variable)
        with self._seeming(_before=before):
            super().update_step(gradient, variable, _times(learning_rate, rate))

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        for rate in dict.fromkeys(self._entry(variable)[1] for variable in variables):
            alike = [variable for variable in variables if self._entry(variable)[1] == rate]
            with self._seeming(_factor=rate):
                super()._apply_weight_decay(alike)

    def _get_current_learning_rate(self) -> Any:
        rate = super()._get_current_learning_rate()
        return _times(rate, self.__dict__.get("_factor", 1.0))

    def _entry(self, variable: Any) -> tuple[str, float, int]:
        return self.__dict__["_given"][self.__dict__["_of_variable"][self._var_key(variable)]]

    @contextlib.contextmanager
    def _seeming(self, **state: Any) -> Iterator[None]:
        """Within the block the optimizer is in this state, as the one who computes sees it.

        Replicas pass through it in step: what one leaves, the next has left or set too.
        """
        self.__dict__.update(state)
        try:
            yield
        finally:
            for name in state:
                self.__dict__.pop(name, None)

    def get_config(self) -> dict[str, Any]:
        """What makes the same optimizer again."""
        given = [list(entry) for entry in self.__dict__["_given"]]
        return {**super().get_config(), "layer_rates": given}


def one_rate(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """A new optimizer with the settings of one from `scale_rates`, but one rate for all.

    Any other optimizer is given back as it is.
    """
    if not isinstance(optimizer, LayerRates):
        return optimizer
    config = optimizer.get_config()
    del config["layer_rates"]
    return type(optimizer).__mro__[2].from_config(config)


def scaled(original: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """The subclass of an optimizer's class, registered with Keras; such a class itself."""
    return original if issubclass(original, LayerRates) else _subclass(original)


@functools.cache
def _subclass(original: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    made = type(f"LayerRates{original.__name__}", (LayerRates, original), {"__module__": __name__})
    return keras.saving.register_keras_serializable("tftrain")(made)


def _entries(
    given: Sequence[tuple[str, float, int]], paths: Sequence[str]
) -> list[tuple[str, float, int]]:
    """What was given for each path.

    Loading a model may leave out the name of a model around its layers, as Sequential's.
    """
    if len(given) == len(paths) and all(map(_same, (each[0] for each in given), paths)):
        return [(path, *entry[1:]) for path, entry in zip(paths, given, strict=True)]
    found = []
    for path in paths:
        alike = [entry for entry in given if _same(entry[0], path)]
        nearest = min(alike, key=lambda entry: abs(len(entry[0]) - len(path)), default=(path, 1, 0))
        found.append((path, *nearest[1:]))
    return found


def _same(path: str, other: str) -> bool:
    return f"/{path}".endswith(f"/{other}") or f"/{other}".endswith(f"/{path}")


def _times(rate: Any, factor: float) -> Any:
    return rate if factor == 1 else rate * factor


_LOSS_SCALING = ("initial_scale", "dynamic_growth_steps", "name")
