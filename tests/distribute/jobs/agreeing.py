"""Two workers that agree: strategy, preflight, chief-only writes, restoring a backup.

Each worker writes what it saw to FOLDER/worker-N.json.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

import tftrain
from tftrain.distribute import preflight
from tftrain.distribute.keras_bridge import lost_peer, wrapping
from tftrain.keras_api import keras, tf

folder = Path(sys.argv[1])
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
mine = folder / f"of-worker-{index}"
mine.mkdir()
seen = {}

keras.utils.set_random_seed(index)  # must neither start the runtime nor make workers differ
strategy = tftrain.distribute.strategy("auto", peer_timeout=5)
seen["strategy"] = type(strategy).__name__
seen["replicas"] = strategy.num_replicas_in_sync
seen["same_again"] = strategy is tftrain.distribute.strategy("auto")


def make_model():
    with strategy.scope():
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)]
        )
        model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
        model.optimizer.build(model.trainable_variables)
    return model


model = make_model()
x = np.zeros((64, 3), "float32")
dataset = tf.data.Dataset.from_tensor_slices((x, x)).batch(8)
preflight.check(strategy, model, dataset, limit=60)

model.save(mine / "model.keras")
model.save_weights(str(mine / "model.weights.h5"))
keras.models.save_model(model, mine / "function.keras")
model.export(str(mine / "export"), verbose=False)
tftrain.export.saved_model(model, folder / "served")

for callback in (
    keras.callbacks.ModelCheckpoint(str(mine / "checkpoint.keras")),
    keras.callbacks.CSVLogger(str(mine / "log.csv")),
):
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, {"loss": 1.0})
    callback.on_train_end()
tensorboard = keras.callbacks.TensorBoard(str(mine / "logs"), write_graph=False)
tensorboard.set_model(model)
tf.summary.create_file_writer(tensorboard._log_write_dir).close()

backup = keras.callbacks.BackupAndRestore(str(mine / "backup"), save_freq=1)
backup.set_model(model)
backup.on_train_begin()
backup.on_epoch_begin(2)
model.layers[0].kernel.assign(np.full((3, 4), 10.0 + index))
model.optimizer.iterations.assign(77 + index)
backup.on_train_batch_end(4)
seen["files"] = sorted(str(path.relative_to(mine)) for path in mine.iterdir())

restored = make_model()
again = keras.callbacks.BackupAndRestore(str(mine / "backup"), save_freq=1)
again.set_model(restored)
again.on_train_begin()
seen["kernel"] = float(restored.layers[0].kernel.numpy()[0, 0])
seen["iterations"] = int(restored.optimizer.iterations.numpy())
seen["initial_epoch"] = restored._initial_epoch
seen["next_batch"] = restored._tftrain_resume.next_batch

with wrapping.suspended():
    model.save(mine / "unrepaired.keras")
    model.export(str(mine / "unrepaired"), verbose=False)
seen["unrepaired"] = [
    (mine / "unrepaired.keras").exists(),
    (mine / "unrepaired" / "saved_model.pb").exists(),
]


@tf.function
def step():
    def replica():
        return tf.distribute.get_replica_context().all_reduce("sum", tf.ones([]))

    return strategy.run(replica)


step()
(folder / f"worker-{index}.json").write_text(json.dumps(seen))
if index == 1:
    while not (folder / "worker-0.json").exists():  # a dead worker serves no part of the sum
        time.sleep(0.01)
    os.kill(os.getpid(), 9)
try:
    with lost_peer.naming_lost_peers():
        while True:
            step()
except tftrain.errors.PeerLost as error:
    (folder / "lost.json").write_text(json.dumps({"lost": error.lost, "text": str(error)}))
