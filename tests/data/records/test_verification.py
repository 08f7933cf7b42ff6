"""verify finds every kind of damage, and names the file."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.records.conftest import EXAMPLES, flip
from tests.data.records.test_manifest import edit, shard_of
from tftrain.data import records
from tftrain.errors import DataError, RecordsDamaged

SHARD = "train-00001-of-00004.tfrecord"
OTHER = "train-00002-of-00004.tfrecord"


def findings(path, key=None):
    with pytest.raises(RecordsDamaged) as error:
        records.verify(path, key=key)
    return error.value.findings


@pytest.mark.parametrize("compression", ["none", "gzip", "zlib"])
def test_a_sound_set_is_read_to_the_last_byte(written, compression):
    found = records.verify(written[compression])
    files = list(written[compression].glob("*.tfrecord*"))
    assert (found.shards, found.records) == (len(files), EXAMPLES)
    assert found.bytes == sum(path.stat().st_size for path in files)
    assert found.signature == "none"


@settings(max_examples=6, deadline=None)
@given(place=st.integers(0, 2**20), bit=st.integers(0, 7))
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_any_flipped_bit_is_found(tmp_path_factory, written, compression, place, bit):
    copied = tmp_path_factory.mktemp("flipped")
    for path in written[compression].iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    (damaged,) = copied.glob(f"{SHARD}*")
    flip(damaged, place, bit)
    (finding,) = findings(copied)
    assert damaged.name in finding


def test_a_truncated_shard_is_named(copy):
    path = copy()
    os.truncate(path / SHARD, 500)
    (finding,) = findings(path)
    assert f"{SHARD} is truncated: 500 bytes of" in finding


def test_a_missing_shard_is_named(copy):
    path = copy()
    (path / SHARD).unlink()
    (finding,) = findings(path)
    assert f"{SHARD} is missing" in finding


def test_an_extra_shard_is_named(copy):
    path = copy()
    (path / "train-00004-of-00004.tfrecord").write_bytes(b"")
    (finding,) = findings(path)
    assert "train-00004-of-00004.tfrecord is extra" in finding


def test_swapped_shards_are_both_named(copy):
    path = copy()
    (path / SHARD).rename(path / "aside")
    (path / OTHER).rename(path / SHARD)
    (path / "aside").rename(path / OTHER)
    first, second = findings(path)
    assert f"{SHARD} holds what {OTHER} should hold" in first
    assert f"{OTHER} holds what {SHARD} should hold" in second


def test_all_faults_are_told_at_once(copy):
    path = copy()
    (path / SHARD).unlink()
    flip(path / OTHER, 200)
    assert len(findings(path)) == 2


def test_a_wrong_count_is_told_with_the_right_one(copy):
    path = copy()

    def fewer(document):
        shard = shard_of(document, 1)
        shard["examples"] -= 1
        shard["per_class"][0] -= 1

    edit(path, fewer)
    (finding,) = findings(path)
    assert SHARD in finding
    assert "the manifest is wrong" in finding


def test_wrong_classes_are_found(copy):
    path = copy()

    def other(document):
        counts = shard_of(document, 1)["per_class"]
        counts[0], counts[1] = counts[0] - 1, counts[1] + 1

    edit(path, other)
    assert "the manifest is wrong" in findings(path)[0]


def test_an_edited_manifest_is_a_finding(copy):
    path = copy()
    edit(path, lambda document: document["info"].update(name="other"), seal=False)
    assert "was edited or damaged" in findings(path)[0]


def test_the_signature_is_checked_with_a_key(npz, tmp_path, key):
    path = records.write(npz, tmp_path / "set", shards=2, sign=key).path
    assert records.verify(path).signature == "not checked"
    assert records.verify(path, key=key).signature == "checked"
    other = tmp_path / "other"
    other.write_bytes(b"o" * 32)
    assert "wrong key" in findings(path, other)[0]


def test_a_folder_that_is_no_set_is_bad_input(tmp_path):
    with pytest.raises(DataError, match="is no record set"):
        records.verify(tmp_path)
