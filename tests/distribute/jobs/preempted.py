"""One training, stopped at random moments by signals to worker 1, or to both workers.

Each worker writes to FOLDER/worker-N.json at which steps it was stopped, and its weights then.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

import tftrain
from tftrain.callbacks import Checkpoint, Preemption
from tftrain.errors import Preempted
from tftrain.keras_api import keras

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
keras.utils.set_random_seed(7)
strategy = tftrain.distribute.strategy("auto")
with strategy.scope():
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
moments = random.Random(index)
signal.signal(signal.SIGTERM, lambda number, frame: None)


def signal_soon(begun):
    begun.wait()
    time.sleep(moments.uniform(0, 0.5))
    os.kill(os.getpid(), signal.SIGTERM)


class Begun(keras.callbacks.Callback):
    """Says that a step was taken."""

    needs_every_batch = False

    def __init__(self, event):
        super().__init__()
        self._event = event

    def on_train_batch_end(self, batch, logs=None):
        self._event.set()


def stopped(number):
    begun, signalling = threading.Event(), threading.Thread()
    if index == 1 or number % 3 == 2:
        signalling = threading.Thread(target=signal_soon, args=(begun,))
    signalling.start()
    saving = Checkpoint(folder / "checkpoints", every_secs=0.2)
    try:
        tftrain.fit(
            model, x, x[:, :1], batch_size=4, epochs=10**6, verbose=0, shuffle=False,
            validation_data=(x, x[:, :1]), engine="keras",
            callbacks=[Begun(begun), saving, Preemption()],
        )  # fmt: skip
    except Preempted as error:
        signalling.join()  # it may come too late
        return error.step, error.signal, [weight.tolist() for weight in model.get_weights()]


result = [stopped(number) for number in range(rounds)]
(folder / f"worker-{index}.json").write_text(json.dumps(result))
