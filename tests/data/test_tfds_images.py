"""TFDS folders, prepared here from a few generated images: nothing is downloaded."""

import numpy as np
import pytest

import tftrain
from tftrain.data import tfds_images
from tftrain.errors import DataError


def prepare(data_dir, name="mnist", sizes=(28,), splits=("train", "test"), labelled=True):
    import tensorflow_datasets as tfds

    def examples(self):
        for index in range(20):
            size = sizes[index % len(sizes)]
            row = {"image": np.full((size, size, 1), index * 10, np.uint8)}
            yield index, {**row, "label": index % 10} if labelled else row

    features = {"image": tfds.features.Image(shape=(None, None, 1))}
    if labelled:
        features["label"] = tfds.features.ClassLabel(num_classes=10)
    kind = type(
        name.title().replace("_", ""),
        (tfds.core.GeneratorBasedBuilder,),
        {
            "__module__": __name__,
            "VERSION": tfds.core.Version("3.0.1"),
            "name": name,
            "_info": lambda self: self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(features)
            ),
            "_split_generators": lambda self, dl: {split: examples(self) for split in splits},
            "_generate_examples": lambda self: None,
        },
    )
    kind(data_dir=data_dir).download_and_prepare()
    return data_dir


@pytest.fixture(autouse=True)
def forget_builders():
    """Classes defined here must not stay in TFDS's registry."""
    import tensorflow_datasets as tfds

    tfds.list_builders()  # fills the registry, once a process
    registry = tfds.core.registered._DATASET_REGISTRY
    before = dict(registry)
    for name in ("mnist", "kmnist"):
        registry.pop(name, None)
    yield
    registry.clear()
    registry.update(before)


def test_mnist_from_a_prepared_folder(tmp_path):
    splits = tftrain.data.load("mnist", data_dir=prepare(tmp_path), validation=0)
    assert splits.train.x.shape == (20, 28, 28, 1)
    assert sorted(splits.train.y.tolist()) == sorted([*range(10), *range(10)])
    assert str(tmp_path) in splits.info.source


def test_the_version_folder_itself_is_accepted(tmp_path):
    (info,) = prepare(tmp_path).rglob("dataset_info.json")
    assert len(tftrain.data.load("mnist", data_dir=info.parent, validation=0).train) == 20


def test_another_set_under_the_name_is_refused(tmp_path):
    (info,) = prepare(tmp_path, name="kmnist").rglob("dataset_info.json")
    with pytest.raises(DataError, match="holds kmnist; expected mnist"):
        tftrain.data.load("mnist", data_dir=info.parent)


def test_the_newest_version_is_taken_by_number(tmp_path):
    for version in ("3.0.9", "3.0.10"):
        folder = tmp_path / "mnist" / version
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").write_text("{}")
    assert tfds_images.prepared_folder("mnist", tmp_path).name == "3.0.10"


def test_any_name_of_tfds_is_accepted(tmp_path):
    prepare(tmp_path, name="kmnist")
    assert tftrain.data.load("kmnist", data_dir=tmp_path, validation=0).info.classes == 10


def test_images_of_several_sizes_are_refused(tmp_path):
    with pytest.raises(DataError, match="images of 2 sizes"):
        tftrain.data.load("mnist", data_dir=prepare(tmp_path, sizes=(28, 20)))


def test_a_missing_split_is_named(tmp_path):
    with pytest.raises(DataError, match="no 'test' split; found train"):
        tftrain.data.load("mnist", data_dir=prepare(tmp_path, splits=("train",)))


def test_a_set_without_labels_is_refused(tmp_path):
    with pytest.raises(DataError, match="no image-classification set: it has the features image"):
        tftrain.data.load("mnist", data_dir=prepare(tmp_path, labelled=False))


def test_a_damaged_folder_is_named(tmp_path):
    (info,) = prepare(tmp_path).rglob("dataset_info.json")
    info.write_text("{")
    with pytest.raises(DataError, match="cannot be opened as a TFDS folder"):
        tftrain.data.load("mnist", data_dir=tmp_path)


def test_offline_names_the_ways_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr("tftrain.data.download.reachable", lambda url: False)
    with pytest.raises(DataError, match=r"--data_dir=DIR.*copy that folder.*connect"):
        tftrain.data.load("cmaterdb", data_dir=tmp_path)
