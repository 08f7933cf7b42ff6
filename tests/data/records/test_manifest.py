"""What a manifest may say, and what it may not."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.records.conftest import flip
from tftrain.data import records
from tftrain.data.records import manifest as manifests
from tftrain.data.records import signature
from tftrain.errors import BadInput, DataError


def edit(path, change, seal=True):
    """Changes the manifest's document and, if told so, makes its checksum fit again."""
    file = path / "manifest.json"
    document = json.loads(file.read_text())
    change(document)
    if seal:
        content = {k: v for k, v in document.items() if k not in ("sha256", "signature")}
        document["sha256"] = manifests.hashlib.sha256(manifests._canonical(content)).hexdigest()
    file.write_text(json.dumps(document))


def shard_of(document, number=0):
    return document["splits"]["train"]["shards"][number]


def test_an_edited_manifest_does_not_match_its_checksum(copy):
    path = copy()
    edit(path, lambda document: document["info"].update(licence="public domain"), seal=False)
    with pytest.raises(DataError, match="was edited or damaged"):
        records.open(path)


def test_layout_does_not_matter(copy, written):
    path = copy()
    edit(path, lambda document: None, seal=False)
    assert records.open(path).fingerprint == records.open(written["none"]).fingerprint


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_damage_to_a_manifest_is_found_or_harmless(tmp_path_factory, written, place, bit):
    folder = tmp_path_factory.mktemp("manifest")
    (folder / "manifest.json").write_bytes((written["none"] / "manifest.json").read_bytes())
    before = manifests.read(folder)
    flip(folder / "manifest.json", place, bit)
    try:
        after = manifests.read(folder)
    except DataError:
        return
    assert after == before


def test_a_newer_version_asks_for_an_upgrade(copy):
    path = copy()
    edit(path, lambda document: document.update(version=2, writer="tftrain 9.0"))
    with pytest.raises(DataError, match=r"version 2, written by tftrain 9\.0.*upgrade tftrain"):
        records.open(path)
    with pytest.raises(DataError, match="upgrade tftrain"):
        records.verify(path)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/b", "..", "", "a\\b"])
def test_a_path_that_leaves_the_folder_is_refused(copy, name):
    path = copy()
    edit(path, lambda document: shard_of(document).update(file=name))
    with pytest.raises(DataError, match="leads out of its folder"):
        records.open(path)


@pytest.mark.parametrize(("change", "told"), [
    (lambda d: d.update(compression="zstd"), "compression 'zstd'; expected one of none"),
    (lambda d: d.update(format="other"), "has format 'other'"),
    (lambda d: d.update(version="one"), "has version 'one'"),
    (lambda d: d["schema"]["x"].update(encoding="jpeg2000"), "encoding 'jpeg2000'"),
    (lambda d: d["info"].update(classes=4), "number of classes"),
    (lambda d: d.pop("splits"), "lacks what a manifest must hold"),
    (lambda d: shard_of(d).pop("sha256"), "lacks what a manifest must hold"),
    (lambda d: d.update(splits=[1]), "lacks what a manifest must hold"),
    (lambda d: shard_of(d).update(examples=7), "counts do not add up"),
    (lambda d: shard_of(d).update(stream_bytes="7"), "lacks what a manifest must hold"),
    (lambda d: shard_of(d).update(stream_bytes=1), "counts do not add up"),
    (lambda d: shard_of(d).update(file=shard_of(d, 1)["file"]), "names a file twice"),
])  # fmt: skip
def test_a_manifest_that_makes_no_sense_is_refused(copy, change, told):
    path = copy()
    edit(path, change)
    with pytest.raises(DataError, match=told):
        records.open(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe"])
def test_a_manifest_that_is_no_json_object_is_refused(copy, content):
    path = copy()
    (path / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=r"manifest\.json"):
        records.open(path)


@pytest.fixture
def signed(npz, tmp_path, key):
    return records.write(npz, tmp_path / "signed", shards=2, sign=key).path


def test_the_right_key_opens_a_signed_set(signed, key):
    assert records.open(signed, key=key).manifest.signed
    assert records.open(signed).manifest.signed


def test_a_wrong_key_is_told_from_a_missing_signature(signed, written, key, tmp_path):
    other = tmp_path / "other.key"
    other.write_bytes(b"o" * 32)
    with pytest.raises(DataError, match="wrong key"):
        records.open(signed, key=other)
    with pytest.raises(DataError, match="is not signed"):
        records.open(written["none"], key=key)


def test_a_changed_set_with_a_fitting_checksum_fails_its_signature(signed, key):
    edit(signed, lambda document: document["info"].update(licence="public domain"))
    assert records.open(signed).info.licence == "public domain"
    with pytest.raises(DataError, match="was changed after it was signed"):
        records.open(signed, key=key)


@pytest.mark.parametrize("signature_of_it", [5, [], "x", {"algorithm": "MD5"}, {"value": 3}])
def test_a_signature_that_is_none_is_refused(signed, key, signature_of_it):
    edit(signed, lambda document: document.update(signature=signature_of_it))
    with pytest.raises(DataError):
        records.open(signed, key=key)


@pytest.mark.parametrize(("content", "told"), [(None, "cannot be read"), (b"short", "5 bytes")])
def test_a_key_that_is_no_secret_is_refused(tmp_path, content, told):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(BadInput, match=told):
        signature.read_key(tmp_path / "key")
