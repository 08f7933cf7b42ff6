"""What is trained when: the layers of each stage of a gradual thaw."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from tftrain.errors import BadInput, FineTuningError
from tftrain.keras_api import keras
from tftrain.refusals import refusals
from tftrain.training.finetuning import layers as model_layers
from tftrain.training.finetuning import selection
from tftrain.training.finetuning.layers import NamedLayer
from tftrain.training.finetuning.selection import Selection

Schedule = Mapping[int, Selection]


@dataclasses.dataclass(frozen=True)
class Stage:
    """Epochs in which the same layers are trained.

    Attributes:
        epochs_before: Epochs of the training that come before.
        trained: Names of the layers trained, from the input.
    """

    epochs_before: int
    trained: tuple[str, ...]


def parse_schedule(text: str) -> dict[int, Selection]:
    """A schedule as the command line writes it.

    Raises:
        BadInput: It cannot be read.

    Example:
        >>> parse_schedule("2:dense,4:*")
        {2: ['dense'], 4: ['*']}
    """
    schedule: dict[int, Selection] = {}
    for part in text.split(","):
        epochs, colon, what = part.partition(":")
        if not colon or not what or not epochs.strip().isdecimal():
            raise BadInput(
                f"the unfreeze schedule holds {part!r}; expected EPOCHS:LAYERS, as in "
                "1:dense,3:conv*+norm*,5:*"
            )
        if int(epochs) in schedule:
            raise BadInput(f"the unfreeze schedule names {epochs} epochs twice")
        schedule[int(epochs)] = selection.parse(what)
    return schedule


def problems(freeze: Selection, schedule: Schedule | None, epochs: int) -> Iterator[str]:
    """What is wrong with a selection and a schedule, as far as it shows without a model."""
    if freeze is not None:
        yield from refusals(selection.check, freeze, "freeze")
    if not isinstance(schedule or {}, Mapping):
        yield f"unfreeze_schedule is {schedule!r}; expected {{epochs done: layers}}, as {{2: '*'}}"
        return
    for begin, thawed in (schedule or {}).items():
        yield from refusals(selection.check, thawed, _named(begin))
        if isinstance(begin, bool) or not isinstance(begin, int) or not 1 <= begin < epochs:
            yield (
                f"unfreeze_schedule names {begin!r} epochs; expected 1 to {epochs - 1}: the epochs "
                f"trained before, of {epochs}"
            )


def stages(
    model: keras.Model, freeze: Selection, schedule: Schedule | None, epochs: int
) -> list[Stage]:
    """The stages, one if there is no schedule.

    Args:
        model: Built.
        freeze: Layers frozen at first; the others are trained. None leaves all as they are.
        schedule: By epochs done, the layers trained from then on. Numbers and shares are counted
            from the output.
        epochs: Of the whole training.

    Raises:
        FineTuningError: Nothing would be trained, or what is named does not exist: all at once.
    """
    wrong = list(problems(freeze, schedule, epochs))
    every = model_layers.learning_layers(model)
    if not every:
        raise FineTuningError([*wrong, f"the model {model.name!r} has no weights to train"])
    if wrong:
        raise FineTuningError(wrong)
    own = [variable.name for variable in model_layers.own_weights(model) if variable.trainable]
    if own and (schedule or freeze not in (None, 0)):
        raise FineTuningError(
            [
                f"the model {model.name!r} has weights beside those of its layers "
                f"({', '.join(own)}), which cannot be frozen: make them in a layer of its own"
            ]
        )
    frozen = _frozen(model, every, freeze, wrong)
    chosen = {0: [each for each in every if each not in frozen]}
    for begin, thawed in sorted((schedule or {}).items()):
        chosen[begin] = _selected(thawed, every, _named(begin), wrong, from_output=True)
    if not wrong and not chosen[0]:
        wrong.append(
            f"freeze={freeze!r} freezes everything: of the {len(every)} layers with weights at "
            "least one must be trained from the first epoch, such as the last (freeze=-1)"
        )
    if wrong:
        raise FineTuningError(wrong)
    return list(_added_up(chosen, every))


def _frozen(
    model: keras.Model, every: Sequence[NamedLayer], freeze: Selection, wrong: list[str]
) -> list[NamedLayer]:
    if freeze is None:
        free = model_layers.trained(model, every)
        return [each for each in every if each not in free]
    return _selected(freeze, every, "freeze", wrong)


def _selected(
    what: Selection, every: Sequence[NamedLayer], name: str, wrong: list[str], **options: bool
) -> list[NamedLayer]:
    try:
        return selection.select(what, every, name, **options)
    except BadInput as error:
        wrong.append(str(error))
        return []


def _added_up(
    chosen: Mapping[int, Sequence[NamedLayer]], every: Sequence[NamedLayer]
) -> Iterator[Stage]:
    trained: set[NamedLayer] = set()
    for begin, more in chosen.items():
        trained.update(more)
        yield Stage(begin, tuple(each.name for each in every if each in trained))


def _named(begin: int) -> str:
    return f"unfreeze_schedule after {begin} epochs"
