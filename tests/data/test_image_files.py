import numpy as np
import pytest

import tftrain
from tests.conftest import idx_bytes
from tftrain.errors import DataError


def cifar_bytes(count, seed=0):
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % 10).astype(np.uint8)
    planes = random.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    records = np.concatenate([labels[:, np.newaxis], planes.reshape(count, -1)], axis=1)
    return records.tobytes(), planes.transpose(0, 2, 3, 1)


def test_mnist_from_an_npz(mnist_npz, tiny_mnist):
    splits = tftrain.data.load("mnist", data_dir=mnist_npz, validation=0)
    assert splits.train.x.shape == (40, 28, 28, 1)
    assert splits.validation is None
    np.testing.assert_allclose(splits.train.x[..., 0] * 255, tiny_mnist["x_train"], atol=1e-4)
    assert splits.info.source.endswith("mnist.npz")


def test_mnist_from_idx_files(mnist_idx, tiny_mnist):
    splits = tftrain.data.load("mnist", data_dir=mnist_idx, validation=0)
    np.testing.assert_allclose(splits.test.x[..., 0] * 255, tiny_mnist["x_test"], atol=1e-4)
    np.testing.assert_array_equal(splits.test.y, tiny_mnist["y_test"])


def test_mnist_from_the_keras_cache(mnist_npz, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(mnist_npz))
    (mnist_npz / "datasets").mkdir()
    (mnist_npz / "mnist.npz").rename(mnist_npz / "datasets" / "mnist.npz")
    assert len(tftrain.data.load("mnist", validation=0).train) == 40


def test_cifar10_from_its_binary_batches(tmp_path):
    content, images = cifar_bytes(10)
    for name in [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]:
        (tmp_path / f"{name}.bin").write_bytes(content)
    splits = tftrain.data.load("cifar10", data_dir=tmp_path, validation=0)
    assert splits.train.x.shape == (50, 32, 32, 3)
    np.testing.assert_allclose(splits.test.x * 255, images, atol=1e-4)


def test_truncated_cifar10_batch_is_named(tmp_path):
    for name in [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]:
        (tmp_path / f"{name}.bin").write_bytes(cifar_bytes(10)[0])
    (tmp_path / "data_batch_3.bin").write_bytes(b"123")
    with pytest.raises(DataError, match=r"data_batch_3\.bin holds 3 bytes"):
        tftrain.data.load("cifar10", data_dir=tmp_path)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere does not exist"):
        tftrain.data.load("mnist", data_dir=tmp_path / "nowhere")


def test_folder_without_the_set_tells_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"holds no mnist; expected mnist\.npz or train-images"):
        tftrain.data.load("mnist", data_dir=tmp_path)


def test_images_of_another_size_are_refused(tmp_path, tiny_mnist):
    small = {name: value[:, :9] if value.ndim == 3 else value for name, value in tiny_mnist.items()}
    np.savez(tmp_path / "mnist.npz", **small)
    with pytest.raises(DataError, match=r"shape \(9, 28, 1\); mnist has \(28, 28, 1\)"):
        tftrain.data.load("mnist", data_dir=tmp_path)


@pytest.mark.parametrize("factor", [1 / 255, 3.0, -1.0])
def test_pixels_of_another_scale_are_refused(tmp_path, tiny_mnist, factor):
    scaled = {
        name: value * factor if value.ndim == 3 else value for name, value in tiny_mnist.items()
    }
    np.savez(tmp_path / "mnist.npz", **scaled)
    with pytest.raises(DataError, match=r"pixels from .* expected 0 to 255"):
        tftrain.data.load("mnist", data_dir=tmp_path)


def test_truncated_idx_file_is_named(mnist_idx):
    for path in mnist_idx.glob("t10k-images*"):
        path.unlink()
    (mnist_idx / "t10k-images-idx3-ubyte").write_bytes(
        idx_bytes(np.zeros((9, 28, 28), np.uint8))[:-1]
    )
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.* truncated"):
        tftrain.data.load("mnist", data_dir=mnist_idx)
