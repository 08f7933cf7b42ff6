"""Exports of every kind of model, judged in a process that has no Keras, as Serving has none."""

import os
import resource
import subprocess

import numpy as np
import pytest

from tests.litert import sample_models
from tftrain import compress, export, models
from tftrain.errors import ExportError, NoSpace, VerificationFailed
from tftrain.export import verification
from tftrain.keras_api import keras, tf

DESCRIBED = "serving_default  inputs float32 [any, 2] -> outputs float32 [any, 2]"


def of_texts():
    split = keras.layers.TextVectorization(output_sequence_length=4)
    split.adapt(["a cat", "a dog"])
    inputs = keras.Input((1,), dtype="string")
    numbers = keras.layers.Embedding(10, 3)(split(inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(numbers)))


def of_words_and_numbers():
    words, number = keras.Input((2,), dtype="string", name="words"), keras.Input((1,), name="n")
    known = keras.layers.StringLookup(vocabulary=["yes", "no"])(words)
    encoded = keras.layers.Flatten()(keras.layers.Embedding(4, 3)(known))
    joined = keras.layers.Concatenate()([encoded, number])
    return keras.Model([words, number], keras.layers.Dense(1, activation="sigmoid")(joined))


def pruned():
    model = models.mlp((4,), hidden=(8,), classes=2)
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    return compress.prune(model, (x, np.arange(32) % 2), epochs=1, batch_size=8)


MODELS = {
    **{
        name: lambda name=name: models.by_name(name, (8, 8, 1), classes=4)
        for name in models.names()
    },
    **{
        kind: sample_models.KERAS_3[kind]
        for kind in ("two_inputs", "dicts", "two_outputs", "gru", "bidirectional", "subclassed")
    },
    "mixed_bfloat16": sample_models.mixed_bfloat16,
    "quantization_aware": sample_models.quantization_aware,
    "tf_keras_lstm": sample_models.TF_KERAS["lstm"],
    "texts": of_texts,
    "words_and_numbers": of_words_and_numbers,
    "pruned": pruned,
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_a_verified_export_answers_as_the_model_does(kind, tmp_path):
    folder = export.saved_model(MODELS[kind](), tmp_path / "base")
    signature = tf.saved_model.load(folder).signatures["serving_default"]
    assert all(output.dtype == tf.float32 for output in signature.structured_outputs.values())


def test_names_are_inputs_and_outputs_where_there_is_one(tmp_path, small_model):
    folder = export.saved_model(small_model, tmp_path, verify=False)
    assert next(export.described(folder)) == DESCRIBED


# AutoGraph makes syntax trees in a way that Python 3.13 deprecates.
@pytest.mark.filterwarnings("ignore:.*got an unexpected keyword argument:DeprecationWarning")
def test_a_preprocessing_of_python_s_control_flow_becomes_graph(tmp_path, small_model):
    def halved_until_small(numbers):
        while tf.reduce_max(tf.abs(numbers)) > 1.0:
            numbers = numbers / 2.0
        return numbers

    folder = export.saved_model(small_model, tmp_path, preprocessing=halved_until_small,
                                raw=tf.TensorSpec((None, 2)))  # fmt: skip
    serve = tf.saved_model.load(folder).signatures["serving_default"]
    expected = small_model(tf.constant([[1.0, 0.5]]))
    np.testing.assert_allclose(serve(inputs=tf.constant([[4.0, 2.0]]))["outputs"], expected)


class Wrong(keras.layers.Layer):
    """Answers otherwise in a graph."""

    def call(self, inputs):
        return inputs if tf.executing_eagerly() else inputs + 1


def test_an_export_that_answers_otherwise_is_not_published(tmp_path):
    model = keras.Sequential([keras.Input((2,)), Wrong()])
    with pytest.raises(VerificationFailed, match="batch of 1, output 'outputs': differs by"):
        export.saved_model(model, tmp_path / "new" / "base")
    assert list(tmp_path.iterdir()) == []


def test_every_signature_is_verified_with_one_three_and_no_rows(
    tmp_path, picture_model, monkeypatch
):
    seen = []
    monkeypatch.setattr(verification, "verify", lambda folder, cases: seen.extend(cases))
    export.saved_model(picture_model, tmp_path, signatures=["bytes", "classify"])
    rows = [(case.signature, len(next(iter(case.inputs.values())))) for case in seen]
    assert rows == [
        (name, rows) for name in ("serving_default", "bytes", "classify") for rows in (1, 3, 0)
    ]


def test_an_empty_batch_has_an_empty_answer(picture_signatures):
    answers = picture_signatures("serving_default", inputs=np.zeros((0, 8, 8, 3), np.uint8))
    assert {name: array.shape for name, array in answers.items()} == {
        "outputs": (0, 4), "label": (0,), "score": (0,),
    }  # fmt: skip


def test_an_unbuilt_model_is_refused(tmp_path):
    with pytest.raises(ExportError, match="is not built"):
        export.saved_model(keras.Sequential([keras.layers.Dense(1)]), tmp_path)


def test_a_model_that_needs_python_is_refused(tmp_path):
    def squared(x):
        return tf.ensure_shape(tf.py_function(np.square, [x], tf.float32, name="SQUARE"), x.shape)

    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(squared)])
    with pytest.raises(ExportError, match=r"needs Python .*SQUARE.*: write it with functions of"):
        export.saved_model(model, tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_a_model_whose_answer_is_no_batch_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(tf.reduce_sum)])
    with pytest.raises(ExportError, match="one row for each row of the input"):
        export.saved_model(model, tmp_path)


def test_a_failed_export_leaves_nothing(tmp_path, small_model, monkeypatch):
    monkeypatch.setattr(tf.saved_model, "save", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export.saved_model(small_model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_saving_is_silent_and_what_was_saved_can_be_asked_for(tmp_path, small_model, capfd):
    path = export.saved_model(small_model, tmp_path, verify=False)
    assert capfd.readouterr() == ("", "")
    assert [line.split()[0] for line in export.described(path)] == ["serving_default", "classify"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB."""
    if os.getuid() != 0:
        pytest.skip("mounting needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=False)
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_too_small_a_disk_is_noticed_before_anything_is_written(small_disk):
    model = models.mlp((1000,), hidden=(1000,), classes=2)
    with pytest.raises(NoSpace, match=r"needed at least.*nothing was published"):
        export.saved_model(model, small_disk / "base", verify=False)
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_runs_full_is_left_as_it_was(small_disk):
    model = models.mlp((690,), hidden=(690,), classes=2)  # 1.8 MiB, and the warm-up requests
    with pytest.raises(NoSpace, match="nothing was published"):
        export.saved_model(model, small_disk / "base", warmup=np.ones((32, 690)), verify=False)
    assert list(small_disk.iterdir()) == []


def test_a_limit_on_the_size_of_files_is_no_space(tmp_path):
    model = models.mlp((300,), hidden=(300,), classes=2)  # 0.3 MiB
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(NoSpace, match="nothing was published"):
            export.saved_model(model, tmp_path / "base", verify=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_base_on_another_file_system_is_as_good(small_disk, small_model):
    folder = export.saved_model(small_model, small_disk, verify=False)
    assert folder == small_disk / "1"


@pytest.mark.parametrize("base", ["file", "file/base"])
def test_a_base_that_is_a_file_is_refused(base, tmp_path, small_model):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match=r"cannot be made a folder: .*file is a file"):
        export.saved_model(small_model, tmp_path / base)


def test_a_base_that_cannot_be_made_is_refused(small_model):
    with pytest.raises(ExportError, match="/proc/exports cannot be made a folder"):
        export.saved_model(small_model, "/proc/exports", verify=False)


def test_a_base_that_can_only_be_read_is_refused(small_disk, small_model):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(ExportError, match="cannot be written to: choose another folder"):
        export.saved_model(small_model, small_disk, verify=False)
    with pytest.raises(ExportError, match="cannot be made a folder: Read-only file system"):
        export.saved_model(small_model, small_disk / "base", verify=False)
