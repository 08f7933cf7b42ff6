"""Runs equality cases: `run_cases.py OUTPUT.npz one|mirrored|workers CASE ...`."""

import sys
import time

import numpy as np


def strategy_of(kind):
    from tftrain.distribute import keras_bridge
    from tftrain.keras_api import tf

    keras_bridge.install()
    if kind == "workers":
        return tf.distribute.MultiWorkerMirroredStrategy()
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1", "CPU:2"])


def main(output, kind, *names):
    strategy = None if kind == "one" else strategy_of(kind)
    import equality_cases

    arrays = {}
    for name in names:
        begin = time.perf_counter()
        scope = {} if strategy is None else {"scope": strategy.scope}
        arrays.update(equality_cases.run([name], **scope))
        print(f"{name} {time.perf_counter() - begin:.1f} s", flush=True)
    np.savez(output, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
