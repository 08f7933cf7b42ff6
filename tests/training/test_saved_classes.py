"""Files of models that name tftrain's own classes, read where nothing has made such a model."""

import numpy as np
import pytest

from tests import warm_python
from tftrain import compress, evaluate, models, optim
from tftrain.keras_api import keras

X = np.ones((4, 4), "float32")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A model whose optimizer, constraint and class are tftrain's."""
    inputs = keras.Input((4,))
    trunk = keras.layers.Dense(3, use_bias=False)
    heads = {name: keras.layers.Dense(1, name=name)(trunk(inputs)) for name in ("a", "b")}
    model = keras.Model(inputs, heads)
    trunk.set_weights([np.eye(4, 3, dtype="float32")])
    model = models.learn_task_weights(compress.keep_zeros(model))
    model.compile(optim.optimizer("lars"), {"a": "mse", "b": "mse"})
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return path


def test_another_process_loads_it(file, python):
    done = python(
        "from tftrain.training.finetuning.sources import model_of\n"
        f"print(model_of({str(file)!r}).count_params())"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "22"  # 12 and two heads of 4, and two weights of tasks


def test_another_process_plans_it(file, python):
    done = python(
        "from tftrain.cli.main import main\n"
        f"raise SystemExit(main(['plan', '--model={file}', '--batch=8']))"
    )
    assert done.returncode == 0, done.stderr


def test_another_process_answers_with_it(file):
    seconds, _ = evaluate.startup(file, X, python=warm_python.command())
    assert seconds.seconds > 0
