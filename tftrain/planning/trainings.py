"""How a model is to be trained, as far as memory and time depend on it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable

from tftrain.errors import ConfigError, UnknownName
from tftrain.planning.profiles import ModelProfile, Shape

# Numbers that an optimizer of tftrain.optim keeps for each parameter, muon for those of matrices;
# of a compiled Keras model they are counted.
SLOTS = {
    "gd": 0.0,
    "sgd": 0.0,
    "momentum": 1.0,
    "rmsprop": 1.0,
    "adagrad": 1.0,
    "lion": 1.0,
    "lars": 1.0,
    "muon": 1.0,
    "adam": 2.0,
    "adamax": 2.0,
    "adamw": 2.0,
    "schedule_free_adamw": 2.0,
    "nadam": 2.0,
    "lamb": 2.0,
    "adadelta": 2.0,
    "ftrl": 2.0,
}
ADAFACTOR = "adafactor"


@dataclasses.dataclass(frozen=True)
class Precision:
    """Bytes by what they are for.

    Attributes:
        weight: A parameter, with all copies of it.
        gradient: A parameter's gradient.
        slot: A number that the optimizer keeps.
        activation: A number of the forward pass.
    """

    weight: float
    gradient: float
    slot: float
    activation: float


PRECISIONS = {
    "float32": Precision(4, 4, 4, 4),
    # Variables of Keras stay float32; their copies in 16 bits live from one pass to the other.
    "mixed_bfloat16": Precision(6, 4, 4, 2),
    "mixed_float16": Precision(6, 4, 4, 2),
    # Weights and gradients in 16 bits beside a master copy: Rajbhandari et al., section 3.1.
    "half_with_master": Precision(6, 2, 4, 2),
    "bfloat16": Precision(2, 2, 2, 2),
}
REMATERIALIZATIONS = ("none", "selective", "full")
EXCHANGES = ("ring", "ps")
SCHEDULES = ("1f1b", "gpipe")


@dataclasses.dataclass(frozen=True)
class GradientCodec:
    """How gradients are made smaller for the exchange.

    Attributes:
        name: As `tftrain train --gradient_codec` has it.
        share: Bytes that are sent, by those of float32.
        gathered: Whether each replica receives the payload of every other one, instead of a sum.
    """

    name: str
    share: float
    gathered: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        payload: Callable[[Shape], float],
        shapes: Iterable[Shape],
        *,
        gathered: bool = False,
    ) -> GradientCodec:
        """With the share of a model's gradients.

        Args:
            name: Of the codec.
            payload: Bytes that a replica contributes for a gradient of a shape.
            shapes: Of all gradients.
            gathered: See above.
        """
        whole = sent = 0.0
        for shape in shapes:
            whole += 4.0 * math.prod(shape)
            sent += payload(shape)
        return cls(name, sent / whole if whole else 1.0, gathered)


@dataclasses.dataclass(frozen=True)
class Training:
    """The settings of a training.

    Attributes:
        batch: Examples a step, of all devices together.
        optimizer: A key of `SLOTS`, or `adafactor`; None: the model's own, `adam` if it has none.
        precision: A key of `PRECISIONS`.
        remat: What the backward pass computes again: `none`; `selective`, the matrices of
            attention; `full`, all but the inputs of layers.
        codec: Of gradients; None sends them as they are.
        exchange: `ring`, or `ps` by parameter servers.
        servers: Their number.
        schedule: Of a pipeline: `1f1b` or `gpipe`.
        accumulation: Micro-batches of each replica without a pipeline; None: as few as fit.
        overlap: Share of the exchange of gradients that is hidden behind the backward pass, 0 to 1.
    """

    batch: int
    optimizer: str | None = None
    precision: str = "float32"
    remat: str = "none"
    codec: GradientCodec | None = None
    exchange: str = "ring"
    servers: int = 1
    schedule: str = "1f1b"
    accumulation: int | None = None
    overlap: float = 0.0

    def __post_init__(self) -> None:
        for kind, name, known in (
            ("precision", self.precision, PRECISIONS),
            ("rematerialization", self.remat, REMATERIALIZATIONS),
            ("exchange", self.exchange, EXCHANGES),
            ("schedule", self.schedule, SCHEDULES),
        ):
            if name not in known:
                raise UnknownName(kind, name, known)
        if self.optimizer is not None and self.optimizer not in (*SLOTS, ADAFACTOR):
            raise UnknownName("optimizer", self.optimizer, [*SLOTS, ADAFACTOR])
        problems = [
            f"{name} is {getattr(self, name)}; expected 1 or more"
            for name in ("batch", "servers", "accumulation")
            if getattr(self, name) is not None and getattr(self, name) < 1
        ]
        if self.accumulation is not None and self.accumulation > self.batch:
            problems.append(
                f"accumulation is {self.accumulation}, but a batch has {self.batch} examples; "
                f"expected 1 to {self.batch}"
            )
        if not 0 <= self.overlap <= 1:
            problems.append(f"overlap is {self.overlap}; expected 0 to 1")
        if problems:
            raise ConfigError(problems)

    @property
    def item_bytes(self) -> Precision:
        """Of numbers."""
        return PRECISIONS[self.precision]

    def slots(self, profile: ModelProfile) -> float:
        """Numbers a parameter that the optimizer keeps."""
        if self.optimizer is None and profile.slots is not None:
            return profile.slots
        if self.optimizer == ADAFACTOR:
            return sum(map(_adafactor, profile.shapes)) / max(1, profile.parameters)
        return SLOTS[self.optimizer or "adam"]


def _adafactor(shape: Shape) -> int:
    """Rows and columns (Shazeer and Stern, 2018, section 3), and all elements.

    The last are what the paper does without: Keras makes a velocity for each variable, used or not.
    """
    factors = math.prod(shape[:-1]) + math.prod((*shape[:-2], shape[-1])) if len(shape) > 1 else 0
    return math.prod(shape) + factors
