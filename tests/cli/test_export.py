"""tftrain export: from a run to what a server loads."""

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tftrain import data, export
from tftrain.cli.main import main
from tftrain.keras_api import tf


@pytest.fixture(scope="module")
def exported(finished_run, tmp_path_factory):
    """A finished run as the first version of a base."""
    base = tmp_path_factory.mktemp("exports") / "shop"
    assert main(["export", str(finished_run), f"--to={base}"]) == 0
    return base / "1"


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").test


def exported_quickly(run, base, *flags):
    return main(["export", str(run), f"--to={base}", "--noverify", *flags])


def test_pictures_in_files_are_answered_with_labels(exported, digits):
    loaded = tf.saved_model.load(exported)
    files = []
    for image in digits.x[:200]:
        file = io.BytesIO()
        Image.fromarray(np.uint8(np.round(image[..., 0] * 255))).save(file, "PNG")
        files.append(file.getvalue())
    found = loaded.signatures["bytes"](image_bytes=tf.constant(files))["label"].numpy()
    right = [label == str(y).encode() for label, y in zip(found, digits.y, strict=False)]
    assert np.mean(right) > 0.7


def test_what_was_written_and_what_to_do_next_is_told(finished_run, tmp_path, capsys):
    assert exported_quickly(finished_run, tmp_path) == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path}/1\n"
    shapes = "inputs uint8 [any, 8, 8, 1] -> label string [any], outputs float32 [any, 10], score"
    assert f"serving_default  {shapes} float32 [any]" in said.err
    assert f"saved_model_cli show --all --dir {tmp_path}/1" in said.err
    assert f"tftrain serve {tmp_path}" in said.err


def test_a_run_holds_the_same_export_from_the_beginning(exported, finished_run):
    own = export.described(finished_run / "saved_model" / "1")
    assert list(own) == list(export.described(exported))


def test_the_name_is_the_folder_s(exported):
    assert 'name: "shop"' in (exported.parent / "models.config").read_text()


def test_floats_as_in_training_can_be_asked_for(finished_run, tmp_path, digits):
    flags = ["--input=scaled", "--signatures=classify", "--name=scaled"]
    assert exported_quickly(finished_run, tmp_path, *flags) == 0
    signatures = tf.saved_model.load(tmp_path / "1").signatures
    assert set(signatures) == {"serving_default", "classify"}
    found = signatures["serving_default"](inputs=tf.constant(digits.x))["label"].numpy()
    assert np.mean(found == np.char.encode(digits.y.astype(str))) > 0.7
    assert 'name: "scaled"' in (tmp_path / "models.config").read_text()


def test_versions_are_numbered_and_kept_as_asked(finished_run, tmp_path):
    for flags in (["--version=4"], [], ["--keep=2"]):
        assert exported_quickly(finished_run, tmp_path, *flags) == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["5", "6"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--version=0", "--keep=-1"],
            "--version=0: expected a positive integer\ntftrain export: ",
        ),
        (["--signatures=bites"], "unknown signature 'bites'; did you mean 'bytes'?"),
        (["--input=raw"], "--input=raw: expected pixels or scaled"),
        (["--signatures=regress"], "'regress' does not fit this model"),
    ],
)
def test_wrong_flags_are_refused(flags, said, finished_run, tmp_path, capsys):
    assert main(["export", str(finished_run), f"--to={tmp_path}/base", *flags]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "base").exists()


def test_without_its_dataset_a_run_is_exported_without_labels(finished_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(
        json.dumps({**config, "dataset": "mnist", "data_dir": str(tmp_path)})
    )
    assert exported_quickly(run, tmp_path / "base") == 2
    remedy = "--nolabels --input=scaled"
    assert f"{remedy} exports without the dataset" in capsys.readouterr().err
    assert exported_quickly(run, tmp_path / "base", *remedy.split()) == 0
    serve = tf.saved_model.load(tmp_path / "base" / "1").signatures["serving_default"]
    assert list(serve.structured_outputs) == ["outputs"]
