"""tf_keras's `fit`: Keras 2.

python benchmarks/fit_programs/tf_keras_fit.py --data=mnist.npz
"""

from __future__ import annotations

import networks
import tf_keras
from sheet import Sheet, run


def train(sheet: Sheet) -> None:
    tf_keras.utils.set_random_seed(sheet.seed)
    data = sheet.data()
    model = networks.build(tf_keras, sheet.workload)
    networks.compile_model(tf_keras, model)
    sheet.begin()
    history = model.fit(**networks.fit_arguments(tf_keras, sheet, data))
    with sheet.saving() as folder:
        model.export(folder / "model")
    networks.write_report(sheet, model, history)


if __name__ == "__main__":
    run(train)
