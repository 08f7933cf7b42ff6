"""What can be written: arrays, tables, folders of images; and what is wrong with them."""

import numpy as np
import pytest
from PIL import Image

import tftrain
from tests.data.records.conftest import sorted_rows
from tftrain.data import records
from tftrain.errors import BadInput, DataError


def write(source, tmp_path, **settings):
    return records.write(source, tmp_path / "set", **{"shards": 1, **settings})


def table(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def picture(path, size=(8, 8), seed=0, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    """Two classes of three images."""
    for number in range(3):
        picture(tmp_path / f"photos/cat/{number}.png", seed=number)
        picture(tmp_path / f"photos/dog/{number}.jpg", seed=number)
    return tmp_path / "photos"


def test_a_dataset_by_name_keeps_stored_values_and_scale(tmp_path):
    written = write("digits", tmp_path)
    test = written.splits["test"].examples()
    assert (written.info.scale, test.x.max()) == (16.0, 16.0)
    expected = tftrain.data.load("digits").test
    scaled = (test.x / 16).astype(np.float32)
    assert sorted_rows(scaled, test.y) == sorted_rows(expected.x, expected.y)


def test_keras_s_npz_layout_keeps_its_splits(tmp_path, tiny_mnist):
    np.savez(tmp_path / "mnist.npz", **tiny_mnist)
    written = write(tmp_path / "mnist.npz", tmp_path)
    assert {name: len(split) for name, split in written.splits.items()} == {"train": 40, "test": 20}
    assert (written.info.shape, written.info.scale) == ((28, 28, 1), 255.0)


def test_examples_in_memory_may_be_written(tmp_path):
    splits = tftrain.data.load("digits")
    written = write(splits, tmp_path)
    assert set(written.splits) == {"train", "validation", "test"}
    assert written.info.scale == 1.0


@pytest.mark.parametrize("dtype", [
    "uint8", "int8", "uint16", "int32", "uint32", "int64", "float16", "float32", "float64", ">f4",
])  # fmt: skip
def test_numbers_of_every_type_come_back(tmp_path, dtype):
    x = np.arange(24).reshape(6, 4).astype(dtype)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(6) % 2)
    examples = write(tmp_path / "a.npz", tmp_path).splits["train"].examples()
    assert sorted(examples.x.tolist()) == x.tolist()


@pytest.mark.parametrize(("arrays", "told"), [
    ({"x": np.zeros((4, 2)), "y": np.zeros(4, int)}, "one class only"),
    ({"x": np.zeros((4, 2)), "y": np.arange(3)}, "4 images but 3 labels"),
    ({"x": np.zeros((4, 2)), "y": np.ones(4)}, "labels have type float64"),
    ({"x": np.full((4, 2), np.nan), "y": np.arange(4) % 2}, "not finite"),
    ({"x": np.zeros((4, 2), "complex64"), "y": np.arange(4) % 2}, "complex64"),
    ({"x": np.zeros((4, 2), "uint64"), "y": np.arange(4) % 2}, "uint64"),
    ({"a": np.zeros(3)}, "lacks the array 'x_train'"),
    ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, r"shape \(0,\)"),
])  # fmt: skip
def test_an_npz_that_holds_no_examples_is_refused(tmp_path, arrays, told):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=told):
        write(tmp_path / "a.npz", tmp_path)


def test_a_damaged_npz_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"no \.npz archive"):
        write(tmp_path / "a.npz", tmp_path)


def test_an_npz_with_a_damaged_table_of_contents_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((4, 2)), y=np.arange(4) % 2)
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02", b"PK\x00\x00"))
    with pytest.raises(DataError, match=r"no \.npz archive"):
        write(path, tmp_path)


def test_a_table_keeps_columns_and_class_names(tmp_path):
    path = table(tmp_path, "height,kind,width\n1.5,rose,2\n-3,lily,4e1\n5,rose,6\n")
    written = write(path, tmp_path, label="kind")
    assert written.manifest.schema.columns == ("height", "width")
    assert written.info.labels == ("lily", "rose")
    examples = written.splits["train"].examples()
    rows = sorted(zip(examples.x.tolist(), examples.y.tolist(), strict=True))
    assert rows == [([-3.0, 40.0], 0), ([1.5, 2.0], 1), ([5.0, 6.0], 1)]


@pytest.mark.parametrize(("classes", "labels"), [
    ("0 1 2 10", ("0", "1", "2", "10")), ("-1 1 1 1", ("-1", "1")), ("b a b a", ("a", "b")),
])  # fmt: skip
def test_classes_are_numbered_in_their_order(tmp_path, classes, labels):
    rows = "".join(f"{number},{name}\n" for number, name in enumerate(classes.split()))
    written = write(table(tmp_path, f"a,class\n{rows}"), tmp_path)
    assert written.info.labels == labels


def test_a_byte_order_mark_and_empty_lines_do_no_harm(tmp_path):
    written = write(table(tmp_path, "\ufeffa,b\r\n1,x\r\n\r\n2,y\r\n"), tmp_path, label="b")
    assert written.manifest.schema.columns == ("a",)
    assert len(written.splits["train"]) == 2


@pytest.mark.parametrize(("text", "told"), [
    ("a,b,kind\n1,2,x\n1,two,y\n", r"row 3, column 'b': 'two' is no number"),
    ("a,b,kind\n1,,x\n1,2,y\n", r"row 2, column 'b': '' is no number"),
    ("a,b,kind\n1,nan,x\n1,2,y\n", r"row 2, column 'b': 'nan' is no number"),
    ("a,b,kind\n1,2,\n1,2,y\n", r"row 2, column 'kind': the class is empty"),
    ("a,b,kind\n1,2,x\n1,2\n", r"row 3 has 2 cells; expected 3"),
    ("a,b,kind\n1,2,x\n1,2,3,y\n", r"row 3 has 4 cells; expected 3"),
    ("a,b,kind\n", "no usable rows"),
    ("", "has 0 columns"),
    ("1,2,3\n4,5,6\n", "row 1 holds numbers"),
    ("a,a,kind\n1,2,x\n", "two columns have the same name"),
    ("a,b,kind\n1,2,x\n3,4,x\n", "one class only"),
    ("a,kind\n1,0.5\n2,0.25\n", "numbers with fractions"),
])  # fmt: skip
def test_a_table_that_cannot_be_used_is_refused(tmp_path, text, told):
    with pytest.raises(DataError, match=told):
        write(table(tmp_path, text), tmp_path)


def test_a_missing_column_is_named_with_those_there_are(tmp_path):
    path = table(tmp_path, "height,kind\n1,x\n2,y\n")
    with pytest.raises(DataError, match=r"no column 'kinds'; did you mean 'kind'.*height, kind"):
        write(path, tmp_path, label="kinds")


def test_bad_rows_may_be_skipped_and_are_told(tmp_path, caplog):
    path = table(tmp_path, "a,kind\n1,x\noops,x\n2,y\n3\n")
    assert len(write(path, tmp_path, on_error="skip").splits["train"]) == 2
    assert ["row 3" in caplog.messages[0], "row 5" in caplog.messages[1]] == [True, True]


def test_images_keep_their_own_bytes(photos, tmp_path):
    written = write(photos, tmp_path)
    stored = b"".join(written.splits["train"].dataset().as_numpy_iterator())
    assert all(path.read_bytes() in stored for path in photos.rglob("*.*"))
    assert (written.info.labels, written.info.shape) == (("cat", "dog"), (8, 8, 3))


def test_images_are_decoded_as_they_were_drawn(photos, tmp_path):
    examples = write(photos, tmp_path).splits["train"].examples()
    cats = sorted(image.tobytes() for image in examples.x[examples.y == 0])
    drawn = sorted(np.asarray(Image.open(path)).tobytes() for path in photos.glob("cat/*"))
    assert cats == drawn


def test_all_grey_images_stay_grey_and_mixed_ones_become_colour(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / f"photos/{name}/0.png", mode="L")
    assert write(tmp_path / "photos", tmp_path).info.shape == (8, 8, 1)
    picture(tmp_path / "photos/a/1.png", mode="RGBA")
    mixed = records.write(tmp_path / "photos", tmp_path / "mixed", shards=1)
    assert mixed.splits["train"].examples().x.shape == (3, 8, 8, 3)


@pytest.mark.parametrize("suffix", ["bmp", "gif", "webp"])
def test_other_formats_become_png(photos, tmp_path, suffix):
    picture(photos / f"cat/other.{suffix}")
    assert write(photos, tmp_path).splits["train"].examples().x.shape == (7, 8, 8, 3)


def test_folders_of_splits_are_splits(tmp_path):
    for split in ("train", "val", "test"):
        for name in ("a", "b"):
            picture(tmp_path / "photos" / split / name / "0.png")
    written = write(tmp_path / "photos", tmp_path)
    assert list(written.splits) == ["train", "validation", "test"]


def test_hidden_files_are_passed_over_and_folders_searched(photos, tmp_path):
    (photos / "cat/.DS_Store").write_bytes(b"x")
    (photos / ".git").mkdir()
    picture(photos / "cat/deeper/9.png")
    assert len(write(photos, tmp_path).splits["train"]) == 7


def test_mixed_sizes_ask_for_resize(photos, tmp_path):
    picture(photos / "dog/wide.png", size=(8, 16))
    with pytest.raises(DataError, match=r"6 are 8x8, but .*wide\.png is 8x16.*--resize=8x8"):
        write(photos, tmp_path)
    resized = write(photos, tmp_path, resize=(6, 4))
    assert resized.splits["train"].examples().x.shape == (7, 6, 4, 3)


@pytest.mark.parametrize("content", [b"no image", b"", b"\x89PNG\r\n\x1a\n broken"])
def test_a_file_that_is_no_image_is_named_or_skipped(photos, tmp_path, content, caplog):
    (photos / "cat/notes.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"notes\.txt cannot be read as an image.*on_error=skip"):
        write(photos, tmp_path)
    assert len(write(photos, tmp_path, on_error="skip").splits["train"]) == 6
    assert "notes.txt" in caplog.text


def test_an_image_cut_short_is_named_or_skipped(photos, tmp_path, caplog):
    path = picture(photos / "cat/cut.png", size=(8, 8), seed=5)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(DataError, match=r"cut\.png cannot be read as an image.*on_error=skip"):
        write(photos, tmp_path)
    assert len(write(photos, tmp_path, on_error="skip").splits["train"]) == 6
    assert "cut.png" in caplog.text


def folders(tmp_path, *names):
    for name in names:
        (tmp_path / "photos" / name).mkdir(parents=True)
    return tmp_path / "photos"


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds nothing; expected a folder of images for each"):
        write(folders(tmp_path, ""), tmp_path)


def test_empty_class_folders_are_refused(tmp_path):
    with pytest.raises(DataError, match="class folders are empty"):
        write(folders(tmp_path, "a", "b"), tmp_path)


def test_images_without_class_folders_are_refused(tmp_path):
    picture(tmp_path / "photos/1.png")
    with pytest.raises(DataError, match="1 files but no folders"):
        write(tmp_path / "photos", tmp_path)


def test_one_class_of_images_is_refused(tmp_path):
    picture(tmp_path / "photos/cat/1.png")
    with pytest.raises(DataError, match=r"one class only \(cat\)"):
        write(tmp_path / "photos", tmp_path)


def test_a_class_that_training_lacks_is_refused(tmp_path):
    for name in ("train/a", "train/b", "test/c"):
        picture(tmp_path / f"photos/{name}/0.png")
    with pytest.raises(DataError, match="the class 'c', which the training images lack"):
        write(tmp_path / "photos", tmp_path)


@pytest.mark.parametrize(("source", "settings", "told"), [
    ("missing.npz", {}, "neither a file, nor a folder, nor a dataset"),
    ("digit", {}, "did you mean 'digits'"),
    ("digits", {"label": "kind"}, "label goes with a CSV file; the source is a dataset by name"),
    ("digits", {"resize": (4, 4)}, "resize goes with a folder of images"),
    ("digits", {"test": 0.1}, "has a test split of 360 examples"),
    ("digits", {"validation": 1.0}, "validation is 1.0"),
    ("digits", {"validation": 0.5, "test": 0.5}, "leave nothing to train on"),
    ("digits", {"compression": "zip"}, "unknown compression 'zip'"),
    ("digits", {"compression": "gzp"}, "did you mean 'gzip'"),
    ("digits", {"shards": 0}, "shards is 0; expected 1 or more"),
    ("digits", {"shards": 2000}, "2000 shards for 1437 examples in train"),
    ("digits", {"on_error": "ignore"}, "expected 'stop' or 'skip'"),
])  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(tmp_path, source, settings, told):
    with pytest.raises(BadInput, match=told):
        write(source, tmp_path, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"x")
    with pytest.raises(DataError, match=r"a\.parquet is of an unknown kind"):
        write(tmp_path / "a.parquet", tmp_path)


def test_shares_are_stratified(tmp_path, npz, arrays):
    written = write(npz, tmp_path, validation=0.1, test=0.2)
    assert {name: len(split) for name, split in written.splits.items()} == {
        "train": 420, "validation": 60, "test": 120,
    }  # fmt: skip
    for name, share in (("validation", 0.1), ("test", 0.2)):
        counts = np.bincount(written.splits[name].examples().y)
        assert np.abs(counts - share * np.bincount(arrays[1])).max() <= 1


def test_too_few_examples_for_a_share_are_told(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 2)), y=np.array([0, 0, 0, 1]))
    with pytest.raises(DataError, match="cannot give 2 away"):
        write(tmp_path / "a.npz", tmp_path, test=0.5)
