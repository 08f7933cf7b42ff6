"""Export a Keras 3 model as a numbered SavedModel that TF Serving can run.

`tf.saved_model.save` of a Keras 3 model loads in Python, but fails in Serving, which does not
find the variables (keras#19274); `keras.export.ExportArchive` writes a complete one.
"""

from __future__ import annotations

import os
from pathlib import Path

from tftrain.atomic import publish_folder
from tftrain.errors import ExportError
from tftrain.keras_api import keras, tf

_ATTEMPTS = 100


def saved_model(
    model: keras.Model, base: str | os.PathLike[str], version: int | None = None
) -> Path:
    """Writes `base/VERSION`, with one signature, `serving_default`, for any batch size.

    The version appears at once and complete, or not at all.

    Args:
        model: A built model with one input `[B, ...]` and one output.
        base: Folder of the versions, made if missing.
        version: A positive integer; by default one more than the largest there.

    Returns:
        The path of the new version.

    Raises:
        ExportError: The model is not built, has several inputs or outputs, the version exists
            or is not positive, or `base` cannot be written.
    """
    _check_model(model)
    base = Path(base)
    try:
        base.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{base} cannot be made a folder: {error.strerror}") from error
    if version is not None and version < 1:
        raise ExportError(f"version is {version}; expected a positive integer")
    for _ in range(_ATTEMPTS):
        target = base / str(version or _next_version(base))
        if version is not None and target.exists():
            raise ExportError(f"{target} exists; versions are never replaced: choose another")
        if not target.exists() and _publish(model, target):
            return target
    raise ExportError(f"{base}: other exports took {_ATTEMPTS} version numbers meanwhile")


def _check_model(model: keras.Model) -> None:
    if not model.built:
        raise ExportError(
            f"model {model.name!r} is not built: call it on a batch, or give it an Input"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ExportError(
            f"model {model.name!r} has {len(model.inputs)} inputs and {len(model.outputs)} "
            "outputs; expected one of each"
        )


def _next_version(base: Path) -> int:
    return 1 + max((int(path.name) for path in base.iterdir() if _is_version(path.name)), default=0)


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def _publish(model: keras.Model, target: Path) -> bool:
    """False if another export took the version number first."""
    try:
        with publish_folder(target) as folder:
            _write(model, folder)
    except OSError:
        if target.exists():
            return False
        raise
    return True


def _write(model: keras.Model, folder: Path) -> None:
    shape, dtype = model.inputs[0].shape, model.inputs[0].dtype

    def serve(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        # float32 whatever the model's policy: Serving clients cannot read bfloat16
        return {"outputs": tf.cast(model(inputs, training=False), tf.float32)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        serve,
        input_signature=[tf.TensorSpec((None, *shape[1:]), dtype, name="inputs")],
    )
    archive.write_out(folder, verbose=False)
