import contextlib
import gzip
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.conftest import idx_bytes
from tftrain.data.archives import read_idx, read_npz
from tftrain.errors import DataError


def test_npz_arrays_come_back_in_the_order_asked_for(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(3), b=np.eye(2))
    b, a = read_npz(tmp_path / "a.npz", ("b", "a"))
    assert a.tolist() == [0, 1, 2]
    assert b.shape == (2, 2)


def test_npz_with_pickled_objects_is_not_opened(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="pickled objects"):
        read_npz(tmp_path / "a.npz", ("a",))


def test_npz_that_is_a_bare_pickle_is_not_opened(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(DataError, match=r"a\.npz"):
        read_npz(path, ("a",))


def test_npz_lacking_an_array_names_it_and_what_it_has(tmp_path):
    np.savez(tmp_path / "a.npz", other=np.eye(2))
    with pytest.raises(DataError, match="lacks the array 'a'; expected a, found other"):
        read_npz(tmp_path / "a.npz", ("a",))


@pytest.mark.parametrize("kept", [0, 10, 200, 500])
def test_truncated_npz_is_refused(tmp_path, kept):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.random.default_rng(0).random(100))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"a\.npz"):
        read_npz(path, ("a",))


def test_npz_with_a_flipped_byte_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(1000))
    content = bytearray(path.read_bytes())
    content[500] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged|truncated"):
        read_npz(path, ("a",))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(1, 255))
def test_a_damaged_byte_is_a_data_error_or_harmless(tmp_path_factory, place, change):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    np.savez(path, a=np.arange(8))
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= change
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        read_npz(path, ("a",))


def test_idx_of_many_axes_is_refused(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(bytes([0, 0, 8, 70]) + b"\0\0\0\1" * 70 + b"x")
    with pytest.raises(DataError, match="70 axes"):
        read_idx(path)


@given(hnp.arrays(np.uint8, hnp.array_shapes(max_dims=4, max_side=5)), st.booleans())
def test_idx_round_trip(tmp_path_factory, array, packed):
    path = tmp_path_factory.mktemp("idx") / ("a.gz" if packed else "a")
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if packed else content)
    np.testing.assert_array_equal(read_idx(path), array)


@pytest.mark.parametrize("kept", [0, 3, 4, 9, 40])
def test_truncated_idx_is_refused(tmp_path, kept):
    path = tmp_path / "images"
    path.write_bytes(idx_bytes(np.zeros((2, 5, 5), np.uint8))[:kept])
    with pytest.raises(DataError, match="images"):
        read_idx(path)


def test_idx_with_bytes_to_spare_is_refused(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(idx_bytes(np.zeros((2, 2), np.uint8)) + b"x")
    with pytest.raises(DataError, match="holds 17 bytes, but its header"):
        read_idx(path)


def test_truncated_gzip_is_refused(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8)))[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(path)
