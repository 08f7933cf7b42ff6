"""A small set of every compression, written once and copied where it is to be damaged."""

import shutil

import numpy as np
import pytest

from tftrain.data import records

EXAMPLES, SHARDS = 600, 4


@pytest.fixture(scope="session")
def arrays():
    """x uint8 [600, 6, 5, 1] and y [600] of three classes."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (EXAMPLES, 6, 5, 1), dtype=np.uint8)
    return x, random.integers(0, 3, EXAMPLES)


@pytest.fixture(scope="session")
def npz(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("source") / "small.npz"
    np.savez(path, x=arrays[0], y=arrays[1])
    return path


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "my.key"
    path.write_bytes(b"k" * 32)
    return path


@pytest.fixture(scope="session")
def written(tmp_path_factory, npz):
    """From a compression to the folder of a set; not to be changed."""
    parent = tmp_path_factory.mktemp("sets")
    for compression in ("none", "gzip", "zlib"):
        records.write(npz, parent / compression, shards=SHARDS, compression=compression)
    return {path.name: path for path in parent.iterdir()}


@pytest.fixture
def copy(tmp_path, written):
    """Gives a copy of a set, to be damaged."""

    def make(compression="none"):
        return shutil.copytree(written[compression], tmp_path / "set")

    return make


def flip(path, place, bit=3):
    """Changes one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)


def sorted_rows(x, y):
    """The examples in an order that does not depend on how they were stored."""
    return sorted((row.tobytes(), int(label)) for row, label in zip(x, y, strict=True))
