import pytest

from tftrain import export, models
from tftrain.keras_api import keras, tf

LABELS = ("ant", "bee", "a cat", "dög")


def from_pixels(pixels):
    return tf.cast(pixels, tf.float32) / 255.0


@pytest.fixture(scope="session")
def picture_model():
    """A classifier of pictures `[8, 8, 3]` from 0 to 1."""
    keras.utils.set_random_seed(1)
    return models.cnn((8, 8, 3), classes=4)


@pytest.fixture(scope="session")
def picture_export(picture_model, tmp_path_factory):
    """It, with labels and preprocessing: a version with every signature that suits."""
    base = tmp_path_factory.mktemp("exports") / "animals"
    return export.saved_model(
        picture_model, base, preprocessing=from_pixels, labels=LABELS, verify=False
    )


@pytest.fixture(scope="session")
def picture_signatures(picture_export):
    """Its signatures, to be called with NumPy; they answer in NumPy."""
    loaded = tf.saved_model.load(picture_export)

    def call(name, **inputs):
        given = {key: tf.constant(value) for key, value in inputs.items()}
        outputs = loaded.signatures[name](**given)
        return {key: output.numpy() for key, output in outputs.items()}

    return call


@pytest.fixture(scope="session")
def small_model():
    """The quickest there is to export."""
    return models.linear((2,), classes=2)
