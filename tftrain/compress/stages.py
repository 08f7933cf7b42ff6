"""A model compressed step by step, every step kept as a variant."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

from tftrain import litert
from tftrain.compress.cluster import cluster
from tftrain.compress.compile_translation import require_compiled
from tftrain.compress.fine_tuning import FineTuning
from tftrain.compress.plan import DENSE, Plan, Step
from tftrain.compress.prune import prune
from tftrain.compress.quantizable_layers import QuantizableLayers
from tftrain.compress.quantize import quantize
from tftrain.compress.quantize_aware import quantize_aware
from tftrain.compress.twin import to_tf_keras
from tftrain.compress.variants import Variant
from tftrain.errors import CompressionError
from tftrain.keras_api import keras


def stages(
    model: keras.Model,
    train: Any,
    plan: Plan | None = None,
    *,
    representative: Any = None,
    only: Collection[str] | None = None,
    skip: Collection[str] = (),
    tell: Callable[[str], None] = lambda line: None,
    **settings: Any,
) -> Iterator[Variant]:
    """Prunes, clusters and quantizes, in this order, and gives every variant on the way.

    Args:
        model: Functional or Sequential, trained and compiled. It is left as it is.
        train: What the steps that train do so on: `(x, y)` or a dataset of batches.
        plan: What to do; or give its fields: prune=, structure=, cluster=, quantize=,
            quantize_aware=.
        representative: Inputs that int8 takes its ranges from; by default those of `train`.
        only: Names of the layers to prune and cluster; None for all that can be.
        skip: Names of layers to leave alone.
        tell: Called with a line when a step begins and when it has ended.
        **settings: Fields of `Plan` and of `FineTuning`.

    Yields:
        The model as it is, `dense`, then a variant a step. Those with a Keras model have its
        LiteRT file in float32 beside it.

    Raises:
        CompressionError: It cannot be done; before any work.
        ConversionFailed: LiteRT's converter gave up, which it does on the dense model if at all; or
            what it wrote answers otherwise than the model.

    Example:
        >>> import numpy as np, tftrain
        >>> x, y = np.random.default_rng(0).normal(size=(64, 8)), np.arange(64) % 2
        >>> model = tftrain.models.mlp((8,), hidden=(16,), classes=2)
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> made = stages(model, (x, y), prune=0.5, quantize="dynamic", epochs=1)
        >>> [variant.name for variant in made]
        ['dense', 'dense_dynamic', 'pruned', 'pruned_dynamic']
    """
    fields = {field.name for field in dataclasses.fields(Plan)}
    plan = plan or Plan(**{name: settings.pop(name) for name in list(settings) if name in fields})
    tuning = FineTuning(**settings)
    require_compiled(model)
    plan, floats = _quantizable(plan, model, skip, tell)
    layers = {"only": only, "skip": skip}
    work = _Work(plan, train, train if representative is None else representative, tuning, layers)
    return work.variants(model, floats, tell)


def _quantizable(
    plan: Plan, model: keras.Model, skip: Collection[str], tell: Callable[[str], None]
) -> tuple[Plan, list[str]]:
    """The plan as it can be carried out, and layers that training for int8 leaves in floats."""
    if not plan.trains_quantized:
        return plan, []
    layers = QuantizableLayers(to_tf_keras(model, single_precision=True).model)
    problems = layers.problems(skip)
    if problems and plan.quantize_aware:
        raise CompressionError(problems)
    if problems:
        tell(f"not trained for int8, only converted: {problems[0]}")
        plan = dataclasses.replace(plan, quantize_aware=False)
    able = layers.able()
    return plan, [name for name in skip if name not in able]


@dataclasses.dataclass(frozen=True)
class _Work:
    plan: Plan
    train: Any
    representative: Any
    tuning: FineTuning
    layers: dict[str, Any]

    def variants(
        self, model: keras.Model, floats: list[str], tell: Callable[[str], None]
    ) -> Iterator[Variant]:
        steps = self.plan.steps()
        made = {DENSE: Variant(DENSE, model, self._lite(model), "as trained")}
        yield made[DENSE]
        for number, step in enumerate(steps, start=1):
            place = f"{number} of {len(steps)}: {step.name}"
            tell(f"{place}: {step.how} ...")
            started = time.perf_counter()
            made[step.name] = self._made(step, made[step.source].model, floats)
            tell(f"{place}: {self._rate(step, time.perf_counter() - started)}")
            yield made[step.name]

    def _made(self, step: Step, source: keras.Model, floats: list[str]) -> Variant:
        if step.act == "quantize":
            lite = quantize(source, self.plan.quantize, representative=self.representative)
            return Variant(step.name, lite=lite, how=step.how)
        tuning = {field.name: getattr(self.tuning, field.name) for field in _FIELDS}
        if step.act == "quantize_aware":
            lite = quantize_aware(source, self.train, skip=floats, **tuning).lite
            return Variant(step.name, lite=lite, how=step.how)
        if step.act == "prune":
            tuning["structure"] = self.plan.structure
            model = prune(source, self.train, self.plan.prune, **self.layers, **tuning)
        else:
            model = cluster(source, self.train, self.plan.cluster, **self.layers, **tuning)
        return Variant(step.name, model, self._lite(model), step.how)

    def _lite(self, model: keras.Model) -> litert.LiteModel:
        return litert.converted_alike(model, None, self.representative, seed=self.tuning.seed)

    def _rate(self, step: Step, seconds: float) -> str:
        if step.act == "quantize":
            return f"{seconds:.1f} s"
        return f"{seconds:.1f} s, {self.tuning.steps(self.train) / seconds:,.0f} steps/s"


_FIELDS = dataclasses.fields(FineTuning)
