"""Whether a checkpoint is of this training, and what has changed since it was made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tftrain.callbacks import training_state
from tftrain.checkpoints import Saved
from tftrain.distribute import fingerprints
from tftrain.errors import CheckpointError

FORCE = "force"
_OF_CONTENTS = "contents of the data"
_OF_BATCHES = ("batch size", "batches an epoch")


def of(model: Any, callbacks: Iterable[Any], batches: int | None) -> dict[str, str]:
    """What must be the same for a training to go on, as texts by topic.

    To be taken when the training begins, since callbacks may change the rate. A callback adds to
    it by a method `checkpoint_identity()`.

    Args:
        model: Compiled and built, with its optimizer.
        callbacks: Those of the `fit`.
        batches: Batches of an epoch, if known.
    """
    identity = {**fingerprints.of_training(model), "batches an epoch": str(batches)}
    for callback in callbacks:
        tell = getattr(callback, "checkpoint_identity", None)
        identity |= tell() if tell else {}
    return identity


def check(model: Any, identity: dict[str, str], saved: Saved, resume: bool | str) -> list[str]:
    """Compares this training with the one that was saved.

    Args:
        model: Compiled and built, with its optimizer.
        identity: What this training is.
        saved: The checkpoint.
        resume: As `Checkpoint` takes it.

    Returns:
        The differences, if the checkpoint is to be used in spite of them.

    Raises:
        CheckpointError: There are differences and it is not; or the weights do not fit.
    """
    if not resume:
        raise CheckpointError(
            f"{saved.path.parent} holds a checkpoint of step {saved.number}: give an empty folder, "
            "or resume=True to go on"
        )
    before = saved.document["identity"]
    if _OF_CONTENTS not in before:  # of a checkpoint made when nobody looked at them
        identity = {topic: text for topic, text in identity.items() if topic != _OF_CONTENTS}
    differences = list(fingerprints.differences(identity, before))
    shapes = training_state.shape_differences(model, saved)
    if shapes["model"]:
        remedy = "give an empty folder; these weights cannot be taken up"
        raise CheckpointError(_another(saved, differences + shapes["model"], remedy))
    differences = differences or shapes["optimizer"]
    if differences and resume != FORCE:
        remedy = (
            'give an empty folder, or go on in spite of that with resume="force" (--force_resume)'
        )
        raise CheckpointError(_another(saved, differences, remedy))
    return differences


def moves_batches(differences: Iterable[str]) -> bool:
    """Whether a position within an epoch means something else now."""
    return any(each.startswith(_OF_BATCHES) for each in differences)


def change_of_replicas(model: Any, saved: Saved) -> str | None:
    """What another number of replicas means for the rest of the training, in words."""
    before, now = saved.document["replicas"], model.distribute_strategy.num_replicas_in_sync
    if before == now:
        return None
    return (
        f"{before} replica{'s' * (before != 1)} before, {now} now: every global batch is divided "
        "otherwise, so sums are rounded otherwise; layers that look at the rows of one replica "
        "(BatchNormalization) see others"
    )


def _another(saved: Saved, differences: list[str], remedy: str) -> str:
    return (
        f"{saved.path} is the checkpoint of another training ({'; '.join(differences)}): {remedy}"
    )
