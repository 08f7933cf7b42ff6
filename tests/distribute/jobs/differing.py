"""Workers that must not train together; HOW says what is different in worker 1."""

import json
import os
import sys

import tftrain
from tftrain.distribute import preflight
from tftrain.keras_api import keras, tf

how = sys.argv[1]
odd = json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 1
patience = float(os.environ.get("TFTRAIN_TEST_START_TIMEOUT", 40))
strategy = tftrain.distribute.strategy("multiworker", start_timeout=patience, peer_timeout=5)
with strategy.scope():
    units = 16 if odd and how == "variable" else 4
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
    if odd and how == "more variables":
        keras.layers.Dense(2).build((None, 3))
    clip = 0.5 if odd and how == "optimizer" else None
    model.compile(keras.optimizers.SGD(0.1, clipvalue=clip), "mse")
examples = tf.data.Dataset.range(0 if odd and how == "no data" else 8)
preflight.check(strategy, model, examples, limit=8)
print("not stopped")
