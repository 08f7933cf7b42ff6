"""A plain Keras script, the same in every worker: FOLDER [endless].

Each worker writes what it became to FOLDER/worker-N.json.
"""

import json
import os
import socket
import sys
from pathlib import Path

import numpy as np

import tftrain
from tftrain.keras_api import keras

PEER_TIMEOUT = 5

folder, endless = Path(sys.argv[1]), sys.argv[2:] == ["endless"]
keras.utils.set_random_seed(3)
strategy = tftrain.distribute.strategy("auto", peer_timeout=PEER_TIMEOUT)
with strategy.scope():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.BatchNormalization(synchronized=True),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
task = json.loads(os.environ["TF_CONFIG"])["task"]
splits = tftrain.data.load("digits")


class UnderWay(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        (folder / f"under-way-{task['index']}").touch()


epochs = 1_000_000 if endless else 3
history = model.fit(
    splits.train.x, splits.train.y, batch_size=64, epochs=epochs, verbose=0, callbacks=[UnderWay()]
)
result = {
    "task": task,
    "cluster": json.loads(os.environ["TF_CONFIG"])["cluster"],
    "host": socket.gethostname(),
    "replicas": strategy.num_replicas_in_sync,
    "updates": int(model.optimizer.iterations.numpy()),
    "loss": history.history["loss"],
    "weights": [np.asarray(weight).tobytes().hex() for weight in model.get_weights()],
}
(folder / f"worker-{task['index']}.json").write_text(json.dumps(result))
