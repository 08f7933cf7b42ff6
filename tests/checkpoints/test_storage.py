"""Checkpoints on disk: whole, damaged, replaced, out of space."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.checkpoints import BackgroundWriter, CheckpointFolder
from tftrain.errors import CheckpointDamaged, CheckpointError
from tftrain.keras_api import tf

DOCUMENT = {"epoch": 2, "best": float("inf"), "names": ["a", "b"]}


def tensors(value=1.0):
    return {
        "model/kernel": tf.fill([200, 30], value),
        "model/ids": tf.constant([1, 2, 3], tf.int64),
        "half": tf.constant([0.5, 2.0], tf.bfloat16),
        "empty": tf.zeros([0, 3]),
    }


@pytest.fixture
def folder(tmp_path):
    return CheckpointFolder(tmp_path / "checkpoints")


def test_what_was_written_is_read(folder):
    folder.write(12, tensors(), DOCUMENT)
    saved = folder.newest()
    assert (saved.number, saved.document) == (12, DOCUMENT)
    assert set(saved.tensors) == set(tensors())
    for name, tensor in tensors().items():
        np.testing.assert_array_equal(saved.tensors[name], tensor.numpy())
        assert saved.tensors[name].dtype == tensor.numpy().dtype


def test_a_folder_whose_name_looks_like_a_pattern(tmp_path):
    folder = CheckpointFolder(tmp_path / "run [1] *")
    folder.write(3, tensors(), DOCUMENT)
    assert folder.newest().document == DOCUMENT


def test_an_empty_folder_has_none(folder, tmp_path):
    assert folder.newest() is None
    assert CheckpointFolder(tmp_path).newest() is None


def test_the_newest_is_the_one_with_most_steps(folder):
    for number in (999, 1_000_000_000, 5):
        folder.write(number, tensors(number), {})
    assert folder.numbers() == [5, 999, 1_000_000_000]
    assert folder.newest().number == 1_000_000_000


def test_the_same_number_is_replaced(folder):
    folder.write(3, tensors(1.0), {"turn": 1})
    folder.write(3, tensors(2.0), {"turn": 2})
    saved = folder.newest()
    assert saved.document == {"turn": 2}
    assert saved.tensors["model/kernel"][0, 0] == 2.0
    assert [entry.name for entry in folder.path.iterdir()] == ["step-000000003"]


def test_some_are_kept(folder):
    for number in range(5):
        folder.write(number, tensors(), {})
    folder.drop_all_but({1, 4})
    assert folder.numbers() == [1, 4]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_damage_is_found_and_the_one_before_is_used(data, tmp_path_factory):
    folder = CheckpointFolder(tmp_path_factory.mktemp("damage"))
    folder.write(1, tensors(1.0), {"turn": 1})
    path = folder.write(2, tensors(2.0), {"turn": 2})
    file = data.draw(st.sampled_from(sorted(path.iterdir())))
    content = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        del content[place:]
    file.write_bytes(content)
    told = []
    saved = folder.newest(told.append)
    if saved.number == 2:  # a byte without meaning: what is read is what was written
        assert saved.document == {"turn": 2}
        for name, tensor in tensors(2.0).items():
            np.testing.assert_array_equal(saved.tensors[name], tensor.numpy())
    else:
        assert saved.number == 1
        assert "the one before it is used" in told[0]


def test_a_missing_file_is_damage(folder):
    path = folder.write(1, tensors(), {})
    (path / "tensors.data-00000-of-00001").unlink()
    with pytest.raises(CheckpointDamaged, match=r"no checkpoint in .* is whole"):
        folder.newest()


def test_a_newer_format_is_refused(folder):
    path = folder.write(1, tensors(), {}) / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(CheckpointError, match=r"has format 2, .* update tftrain"):
        folder.newest()


def test_a_number_that_is_not_there_is_refused(folder):
    with pytest.raises(CheckpointError, match="no checkpoint of step 7"):
        folder.read(7)


def test_what_cannot_be_written_leaves_the_others(folder):
    folder.write(1, tensors(), DOCUMENT)
    with pytest.raises(TypeError):
        folder.write(2, tensors(), {"unfit": object()})
    assert folder.numbers() == [1]
    assert [entry.name for entry in folder.path.iterdir()] == ["step-000000001"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_an_os_error(folder, monkeypatch):
    real = tf.raw_ops.SaveV2

    def on_a_full_disk(prefix, **arguments):
        os.symlink("/dev/full", f"{prefix}.data-00000-of-00001.tempstate0")
        return real(prefix="/dev/full/x", **arguments)

    folder.write(1, tensors(), DOCUMENT)
    monkeypatch.setattr(tf.raw_ops, "SaveV2", on_a_full_disk)
    with pytest.raises(OSError, match="cannot be written"):
        folder.write(2, tensors(), {})
    assert folder.newest().document == DOCUMENT


def test_a_snapshot_stays_when_the_variable_changes(folder):
    variable = tf.Variable(tf.ones([1000]))
    snapshot = {"v": variable.read_value()}
    variable.assign_add(tf.ones([1000]))
    variable.scatter_nd_update([[0]], [9.0])
    folder.write(1, snapshot, {})
    np.testing.assert_array_equal(folder.newest().tensors["v"], np.ones(1000))


def test_the_background_writer_hands_errors_over():
    writer, done = BackgroundWriter(), []
    writer.start(lambda: done.append(1))
    writer.start(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        writer.start(lambda: done.append(2))
    writer.wait()
    assert done == [1]


def test_killed_while_one_is_replaced(folder, monkeypatch):
    folder.write(5, tensors(1.0), DOCUMENT)

    def kill(*args):
        raise SystemExit  # nothing after it is done

    with monkeypatch.context() as patched:
        patched.setattr("tftrain.checkpoints.storage.publish_folder", kill)
        with pytest.raises(SystemExit):
            folder.write(5, tensors(2.0), DOCUMENT)
    assert folder.newest().tensors["model/kernel"][0, 0] == 1.0
    folder.tidy()
    assert [path.name for path in folder.path.iterdir()] == ["step-000000005"]


def test_what_a_killed_process_left_is_cleared_away(folder):
    folder.write(5, tensors(), DOCUMENT)
    (folder.path / ".tmp-0a1b2c3d-step-000000007").mkdir()
    (folder.path / ".replaced-step-000000005").mkdir()
    (folder.path / "of-the-user").touch()
    folder.tidy()
    left = sorted(path.name for path in folder.path.iterdir())
    assert left == ["of-the-user", "step-000000005"]
