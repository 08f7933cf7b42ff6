"""What TensorBoard would read."""

import importlib.util

from tftrain.keras_api import tf

# `pip install '.[test]'` brings it
IS_TENSORBOARD_INSTALLED = importlib.util.find_spec("tensorboard") is not None


def scalars(folder):
    """Of all event files of a folder: values by step, by tag."""
    found = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    number = float(tf.make_ndarray(value.tensor))
                    found.setdefault(value.tag, {})[event.step] = number
    return found
