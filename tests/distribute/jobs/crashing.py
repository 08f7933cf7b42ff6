"""Trains under BackupAndRestore; in the first run of the job worker 1 is killed in mid-epoch.

Each worker writes its result to FOLDER/worker-N.json.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

import tftrain
from tftrain.keras_api import keras

folder, crash = Path(sys.argv[1]), sys.argv[2] == "crash"
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
keras.utils.set_random_seed(7)
strategy = tftrain.distribute.strategy("auto", peer_timeout=6)
with strategy.scope():
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])


class Crash(keras.callbacks.Callback):
    epoch = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        first = os.environ["TFTRAIN_RESTART"] == "0"
        if crash and first and index == 1 and (self.epoch, batch) == (1, 5):
            os.kill(os.getpid(), signal.SIGKILL)


x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
y = (x.sum(axis=1) > 0).astype("float32")
backup = keras.callbacks.BackupAndRestore(str(folder / f"backup-{index}"), save_freq=3)
history = model.fit(
    x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=[backup, Crash()]
)
result = {
    "updates": int(model.optimizer.iterations.numpy()),
    "epochs": history.epoch,
    "loss": history.history["loss"][-2:],
    "weights": [weight.tolist() for weight in model.get_weights()],
    "folders": sorted(path.name for path in folder.iterdir() if path.is_dir()),
}
(folder / f"worker-{index}.json").write_text(json.dumps(result))
