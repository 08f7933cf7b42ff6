"""The process that `startup` watches: `python -m tftrain.evaluate.startup_process MODEL INPUTS`.

It writes a word to stdout when a phase is over, and in the end what memory it took.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path


def main(model_file: str, inputs_file: str) -> None:
    """Imports, loads, answers."""
    from tftrain.keras_api import keras

    load = keras.saving.load_model
    print("imported", flush=True)
    from tftrain import compress, models
    from tftrain.evaluate import inference

    compress.register()
    models.register()
    answer = inference.compiled(load(model_file, compile=False))
    print("loaded", flush=True)
    inputs = pickle.loads(Path(inputs_file).read_bytes())  # written by the parent for this process
    answer(inference.rows(inputs, 1))
    print("answered", flush=True)
    answer(inputs)
    print(json.dumps({"peak_memory_bytes": peak_memory()}), flush=True)


def peak_memory() -> int:
    """The largest resident memory of this process, in bytes.

    On Linux not `ru_maxrss`, which begins at the size of the process that started this one.
    """
    if sys.platform.startswith("linux"):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main(*sys.argv[1:])
