"""Where a SavedModel keeps the requests that a server replays before it serves a version.

They are PredictionLog, one a TFRecord: https://www.tensorflow.org/tfx/serving/saved_model_warmup.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

FILE = Path("assets.extra", "tf_serving_warmup_requests")
MOST = 1000  # TF Serving does not load a model with more


def records(folder: Path) -> Iterator[bytes]:
    """The serialized requests of a version's folder; none if it has no such file.

    Raises:
        tf.errors.OpError: The file is damaged.
    """
    import tensorflow as tf

    if (folder / FILE).exists():
        yield from tf.data.TFRecordDataset(str(folder / FILE)).as_numpy_iterator()
