"""The pipeline over record sets."""

import shutil

import numpy as np
import pytest

from tftrain.data import load, pipeline, records
from tftrain.errors import BadInput, DataError, RecordsDamaged

SIZE = 101


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Numbered 8-bit pictures in four compressed files."""
    folder = tmp_path_factory.mktemp("records") / "set"
    x = np.arange(SIZE, dtype=np.uint8).reshape(-1, 1, 1, 1)
    np.savez(folder.with_suffix(".npz"), x=x, y=np.arange(SIZE) % 3)
    return records.write(folder.with_suffix(".npz"), folder, shards=4, compression="gzip")


@pytest.fixture
def split(written):
    return written.splits["train"]


def numbers(dataset):
    """The pictures' numbers, in the order of one pass."""
    batches = [np.round(x * 255).astype(int).ravel() for x, _ in dataset.as_numpy_iterator()]
    return np.concatenate(batches).tolist()


@pytest.fixture(params=[None, "memory", "folder"])
def cache(request, tmp_path):
    return tmp_path / "cache" if request.param == "folder" else request.param


def test_every_pass_holds_every_record_once(split, cache):
    batches = pipeline(split, batch_size=7, cache=cache)
    assert int(batches.cardinality()) == 15
    first, second = numbers(batches), numbers(batches)
    assert sorted(first) == sorted(second) == list(range(SIZE))
    assert first != second


def test_a_resumed_run_goes_on_with_the_same_order(split, cache):
    whole = pipeline(split, batch_size=7, cache=cache)
    passes = [numbers(whole) for _ in range(2)]
    assert numbers(pipeline(split, batch_size=7, cache=cache, first_epoch=1)) == passes[1]


# Up to four workers share the four files, more of them the records; a cache knows of neither.
@pytest.mark.parametrize(
    ("cache", "workers"),
    [(None, 1), (None, 2), (None, 3), (None, 4), (None, 5), (None, 9),
     ("memory", 3), ("memory", 5), ("folder", 3), ("folder", 5)],
    indirect=["cache"],
)  # fmt: skip
def test_workers_together_read_every_record_once(split, cache, workers):
    read = [
        number
        for worker in range(workers)
        for number in numbers(pipeline(split, batch_size=7, cache=cache, shard=(worker, workers)))
    ]
    assert sorted(read) == list(range(SIZE))


def test_a_worker_says_what_it_reads(split, capsys):
    pipeline(split, batch_size=7, shard=(1, 2))
    assert capsys.readouterr().err == (
        "tftrain: worker 1 of 2 reads 2 of 4 files, 50 of 101 examples\n"
    )


def test_the_cache_changes_neither_order_nor_values(split, tmp_path):
    plain, copied = pipeline(split, batch_size=7), pipeline(split, batch_size=7, cache=tmp_path)
    assert numbers(plain) == numbers(copied)


def test_a_folder_stands_for_its_training_split(written):
    assert sorted(numbers(pipeline(written.path, batch_size=7))) == list(range(SIZE))


def test_pictures_are_scaled_and_labels_belong_to_them(split):
    for x, y in pipeline(split, batch_size=7).as_numpy_iterator():
        np.testing.assert_array_equal(np.round(x.ravel() * 255) % 3, y)
        assert x.dtype == np.float32


def test_augmentation_gets_stored_bytes_and_the_same_numbers_everywhere(split):
    def noting(x, y, seed, index):
        return x, index

    def noted(**settings):
        batches = pipeline(split, batch_size=7, augment=noting, **settings)
        assert batches.element_spec[0].dtype == "float32"
        return {
            int(index): float(value)
            for x, numbers in batches.as_numpy_iterator()
            for value, index in zip(x.ravel(), numbers, strict=True)
        }

    whole = noted()
    assert sorted(whole) == list(range(SIZE))
    assert noted(shuffle=False) == noted(cache="memory") == whole
    assert noted(shard=(1, 3)).items() < whole.items()


def test_a_copy_is_made_once_and_another_for_another_content(split, tmp_path, capsys):
    for _ in range(2):
        pipeline(split, batch_size=7, cache=tmp_path)
    (copy,) = tmp_path.iterdir()
    assert capsys.readouterr().err == f"tftrain: decoding 101 examples into {copy}\n"
    other = records.write("digits", tmp_path / "other", shards=2).splits["train"]
    pipeline(other, batch_size=7, cache=tmp_path)
    assert len({*tmp_path.iterdir()} - {copy, tmp_path / "other"}) == 1


def test_a_copy_that_was_cut_off_is_not_read(split, tmp_path):
    pipeline(split, batch_size=7, cache=tmp_path)
    (copy,) = tmp_path.iterdir()
    shard = min(copy.glob("train-*"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DataError, match="truncated"):
        pipeline(split, batch_size=7, cache=tmp_path)


def test_a_copy_that_a_killed_process_left_half_made_is_cleared(split, tmp_path):
    (tmp_path / ".tmp-0123abcd-copy" / "shards").mkdir(parents=True)
    pipeline(split, batch_size=7, cache=tmp_path)
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_cache_that_is_a_file_is_refused(split, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file is a file; expected a folder"):
        pipeline(split, batch_size=7, cache=tmp_path / "file")


@pytest.fixture
def damaged(written, tmp_path):
    """The set with a byte changed in its second file."""
    folder = tmp_path / "damaged"
    shutil.copytree(written.path, folder)
    shard = sorted(folder.glob("train-*"))[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    return folder


def test_damage_stops_with_the_name_of_the_file(damaged):
    said = r"train-00001-of-00004\S* is damaged: record \d+"
    with pytest.raises(RecordsDamaged, match=said), records.naming_damage():
        numbers(pipeline(damaged, batch_size=7))


def test_damage_is_found_when_a_set_is_read_into_memory(damaged):
    with pytest.raises(RecordsDamaged, match="train-00001-of-00004"):
        pipeline(damaged, batch_size=7, cache="memory")


def test_damage_can_be_skipped(damaged):
    read = numbers(pipeline(damaged, batch_size=7, on_error="skip"))
    assert len(set(read)) == len(read)
    assert SIZE - 26 <= len(read) < SIZE


def test_records_by_name_need_a_test_split(written):
    with pytest.raises(DataError, match="has no test split but train"):
        load(f"records:{written.path}")


def test_records_by_name_leave_the_training_part_on_disk(tmp_path):
    records.write("digits", tmp_path / "set", shards=2, validation=0.1)
    splits, whole = load(f"records:{tmp_path}/set"), load("digits")
    assert isinstance(splits.train, records.RecordSplit)
    assert len(splits.train) + len(splits.validation) == 1437
    np.testing.assert_array_equal(np.sort(splits.test.y), np.sort(whole.test.y))
    assert splits.test.x.sum() == pytest.approx(whole.test.x.sum(), rel=1e-6)


def test_records_by_name_take_no_other_folder(written):
    with pytest.raises(BadInput, match="says where"):
        load(f"records:{written.path}", data_dir="elsewhere")
