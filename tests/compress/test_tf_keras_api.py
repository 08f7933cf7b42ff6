"""The door to tf_keras and tfmot leaves everything else as it was; in processes of their own."""

import pytest

LOAD = "from tftrain.compress.tf_keras_api import tf_keras, tfmot; tfmot.sparsity; tf_keras.Model\n"


@pytest.fixture(scope="module")
def printed(python):
    """What a process says that has gone through the door."""
    done = python(
        LOAD + "import subprocess, sys, tensorflow as tf, keras\n"
        "print(tf.keras.__version__[0], keras.__version__[0], tf.keras.Model is keras.Model)\n"
        "code = 'import os; print(os.environ.get(\"TF_USE_LEGACY_KERAS\"))'\n"
        "print(subprocess.run([sys.executable, '-c', code], capture_output=True).stdout)"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_tf_keras_stays_keras_3(printed):
    assert printed[0].split() == ["3", "3", "True"]


def test_child_processes_are_left_alone(printed):
    assert "None" in printed[1]


def test_a_setting_of_the_user_is_kept(python):
    done = python(
        LOAD + "import os; print(os.environ['TF_USE_LEGACY_KERAS'])", TF_USE_LEGACY_KERAS="0"
    )
    assert done.stdout.strip() == "0", done.stderr


def test_keras_3_trains_after_a_conversion(python):
    done = python(
        "import numpy as np, keras, tftrain\n"
        "model = tftrain.models.mlp((4,), classes=2)\n"
        "model.compile('adam', 'sparse_categorical_crossentropy')\n"
        "x, y = np.ones((8, 4)), np.zeros(8)\n"
        "tftrain.compress.prune(model, (x, y), 0.5, epochs=1)\n"
        "model.fit(x, y, verbose=0); print(type(model).__module__)"
    )
    assert done.stdout.startswith("keras."), done.stderr
