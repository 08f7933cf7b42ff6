"""Reading what was written, sound and damaged."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.records.conftest import EXAMPLES, SHARDS, flip, sorted_rows
from tftrain.data import records
from tftrain.errors import BadInput, DataError, RecordsDamaged, UnknownName
from tftrain.keras_api import tf

COMPRESSIONS = ["none", "gzip", "zlib"]


def train(path):
    return records.open(path).splits["train"]


def count(dataset):
    return sum(1 for _ in dataset)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_example_comes_back_once(written, arrays, compression):
    examples = train(written[compression]).examples()
    assert sorted_rows(examples.x, examples.y) == sorted_rows(*arrays)


def test_read_gives_batches_scaled_to_one(written, arrays):
    batches = list(records.read(written["none"], batch_size=256).as_numpy_iterator())
    assert [len(y) for _, y in batches] == [256, 256, 88]
    x = np.concatenate([x for x, _ in batches])
    assert x.dtype == np.float32
    y = np.concatenate([y for _, y in batches])
    rows = np.round(x * 255).astype(np.uint8)
    assert sorted_rows(rows, y) == sorted_rows(*arrays)


def test_read_gives_single_examples_and_knows_their_number(written):
    dataset = records.read(written["none"])
    assert dataset.cardinality() == EXAMPLES
    x, y = next(iter(dataset))
    assert (x.shape, y.shape) == ((6, 5, 1), ())


def test_keras_trains_on_what_read_gives(written):
    from tftrain.keras_api import keras

    model = keras.Sequential([keras.Input((6, 5, 1)), keras.layers.Flatten(),
                              keras.layers.Dense(3, activation="softmax")])  # fmt: skip
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = model.fit(
        records.read(written["gzip"], batch_size=64), epochs=2, shuffle=False, verbose=0
    )
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(("split", "batch_size", "error"), [
    ("trian", 1, UnknownName), ("train", 0, BadInput),
])  # fmt: skip
def test_read_refuses_what_it_cannot_do(written, split, batch_size, error):
    with pytest.raises(error):
        records.read(written["none"], split, batch_size=batch_size)


def test_another_on_error_is_refused(written):
    with pytest.raises(BadInput, match="expected 'stop' or 'skip'"):
        train(written["none"]).dataset(on_error="ignore")


def test_files_are_read_in_the_order_asked_for(written):
    split = train(written["none"])
    alone = [list(split.dataset(files=[file]).as_numpy_iterator()) for file in range(SHARDS)]
    assert [len(part) for part in alone] == [shard.examples for shard in split.shards]
    assert list(split.dataset(files=[2, 0]).as_numpy_iterator()) == alone[2] + alone[0]


def test_files_may_be_chosen_inside_tf_data(written):
    split = train(written["none"])
    epochs = tf.data.Dataset.range(3).flat_map(
        lambda epoch: split.dataset(files=tf.stack([epoch, 3 - epoch]))
    )
    sizes = [shard.examples for shard in split.shards]
    assert count(epochs) == sum(sizes[epoch] + sizes[3 - epoch] for epoch in range(3))


def test_files_may_be_read_in_parallel_in_a_steady_order(written, arrays):
    split = train(written["gzip"])
    one, two = (
        [chunk.tolist() for chunk in split.chunks(parallel=3).as_numpy_iterator()] for _ in range(2)
    )
    assert one == two
    x, y = split.decode([record for chunk in one for record in chunk])
    assert sorted_rows(x.numpy(), y.numpy()) == sorted_rows(*arrays)


def test_damage_is_named_when_files_are_read_in_parallel(copy):
    split = train(copy())
    flip(split.paths[2], 1000)
    with pytest.raises(tf.errors.InvalidArgumentError, match=split.paths[2].name):
        count(split.chunks(parallel=4))
    assert sum(map(len, split.chunks(parallel=4, on_error="skip"))) + split.losses.records == 600


def test_chunks_hold_what_the_dataset_holds(written):
    split = train(written["zlib"])
    chunks = [record for chunk in split.chunks().as_numpy_iterator() for record in chunk]
    assert chunks == list(split.dataset().as_numpy_iterator())


def test_a_second_pass_is_like_the_first(written):
    dataset = train(written["none"]).dataset()
    assert count(dataset.repeat(3)) == 3 * EXAMPLES


@settings(max_examples=6, deadline=None)
@given(place=st.integers(0, 2**20), bit=st.integers(0, 7), data=st.data())
def test_any_flipped_bit_stops_with_the_shard_s_name(tmp_path_factory, written, place, bit, data):
    split = train(written["none"])
    number = data.draw(st.integers(0, SHARDS - 1))
    copied = tmp_path_factory.mktemp("flipped")
    for path in (*split.paths, written["none"] / "manifest.json"):
        (copied / path.name).write_bytes(path.read_bytes())
    damaged = copied / split.paths[number].name
    flip(damaged, place, bit)
    record_size = split.shards[number].bytes // split.shards[number].examples
    record = (place % split.shards[number].bytes) // record_size
    with pytest.raises(RecordsDamaged) as error:
        train(copied).examples()
    assert damaged.name in str(error.value)
    assert f"record {record} (counted from 0) at byte {record * record_size} " in str(error.value)


@pytest.mark.parametrize("compression", ["gzip", "zlib"])
def test_the_place_of_damage_is_told_in_the_uncompressed_stream(copy, compression):
    split = train(copy(compression))
    flip(split.paths[1], split.shards[1].bytes // 2)
    with pytest.raises(RecordsDamaged, match=r"at byte \d+ of the uncompressed stream") as error:
        split.examples()
    assert split.paths[1].name in str(error.value)


def rewrite(path, keep):
    """Leaves the first records, whole; more than there are repeat the last."""
    found = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    found += [found[-1]] * (keep - len(found))
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in found[:keep]:
            writer.write(record)


@pytest.mark.parametrize(("change", "told"), [
    (-1, "ends early: it holds {found} records instead of {expected}"),
    (-100, "ends early: it holds {found} records instead of {expected}"),
    (1, "holds {found} records; the manifest says {expected}"),
    (150, "holds {found} records; the manifest says {expected}"),
])  # fmt: skip
def test_too_few_and_too_many_records_stop(copy, change, told):
    split = train(copy())
    expected = split.shards[2].examples
    rewrite(split.paths[2], expected + change)
    with pytest.raises(RecordsDamaged) as error:
        split.examples()
    assert told.format(found=expected + change, expected=expected) in str(error.value)
    assert split.paths[2].name in str(error.value)


@pytest.mark.parametrize("size", [600, 601])
def test_counts_are_right_at_the_edges_of_chunks(tmp_path, size):
    np.savez(tmp_path / "a.npz", x=np.zeros((size, 2, 2), np.uint8), y=np.arange(size) % 2)
    split = records.write(tmp_path / "a.npz", tmp_path / "set", shards=1).splits["train"]
    split._reader.chunk = 300
    assert count(split.dataset()) == size
    rewrite(split.paths[0], size - 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="ends early"):
        count(split.dataset())
    rewrite(split.paths[0], size + 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="the manifest says"):
        count(split.dataset())


def test_a_file_that_vanishes_is_named(copy):
    split = train(copy())
    split.paths[3].unlink()
    with pytest.raises(tf.errors.InvalidArgumentError, match=split.paths[3].name):
        count(split.dataset())


def test_training_stops_with_the_shard_s_name(copy):
    from tftrain.keras_api import keras

    path = copy()
    flip(train(path).paths[1], 1000)
    model = keras.Sequential([keras.Input((6, 5, 1)), keras.layers.Flatten(),
                              keras.layers.Dense(3, activation="softmax")])  # fmt: skip
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(tf.errors.InvalidArgumentError, match="train-00001-of-00004"):
        model.fit(records.read(path, batch_size=32), shuffle=False, verbose=0)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_skipping_loses_the_rest_of_the_shard_and_counts_it(copy, compression, caplog):
    split = train(copy(compression))
    flip(split.paths[1], split.shards[1].bytes // 2)
    with caplog.at_level(logging.WARNING, "tftrain.data.records"):
        kept = count(split.dataset(on_error="skip"))
    lost = split.losses.records
    assert 0 < lost <= split.shards[1].examples
    assert kept == EXAMPLES - lost
    assert split.losses.by_shard == {split.paths[1].name: lost}
    told = [record.getMessage() for record in caplog.records if "records" in record.name]
    assert told == [f"{lost} records were lost: {lost} of {split.paths[1].name}"]


def test_skipping_keeps_sound_records_right_up_to_the_damage(copy):
    split = train(copy())
    size = split.shards[0].bytes // split.shards[0].examples
    flip(split.paths[0], 100 * size)
    assert count(split.dataset(files=[0], on_error="skip")) == 100


def test_skipping_twice_counts_once(copy):
    split = train(copy())
    flip(split.paths[0], 20)
    dataset = split.dataset(on_error="skip")
    assert count(dataset) == count(dataset)
    assert split.losses.records == split.shards[0].examples


def test_skipping_leaves_out_records_too_many(copy):
    split = train(copy())
    rewrite(split.paths[2], split.shards[2].examples + 5)
    assert count(split.dataset(on_error="skip")) == EXAMPLES
    assert split.losses.by_shard == {split.paths[2].name: 0}


def test_read_tells_its_losses(copy):
    path = copy()
    flip(train(path).paths[0], 20)
    dataset = records.read(path, batch_size=50, on_error="skip")
    kept = sum(len(y) for _, y in dataset)
    assert kept + dataset.losses.records == EXAMPLES


def test_nothing_is_said_of_a_sound_set(written, caplog):
    split = train(written["none"])
    assert count(split.dataset(on_error="skip")) == EXAMPLES
    assert split.losses.records == 0
    assert "lost" not in caplog.text


@pytest.mark.parametrize(("harm", "told"), [
    (lambda path: path.unlink(), "is missing"),
    (lambda path: path.write_bytes(path.read_bytes()[:-1]), "it is truncated or another file"),
])  # fmt: skip
def test_opening_finds_missing_and_truncated_shards(copy, harm, told):
    path = copy()
    harm(path / "train-00002-of-00004.tfrecord")
    with pytest.raises(DataError, match=told):
        records.open(path)


def test_opening_what_is_no_set_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match="tftrain data write"):
        records.open(tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        records.open(tmp_path / "missing")


def test_the_fingerprint_follows_the_content(written, npz, tmp_path):
    again = records.write(npz, tmp_path / "again", shards=SHARDS)
    other = records.write(npz, tmp_path / "other", shards=SHARDS, seed=1)
    fingerprint = records.open(written["none"]).fingerprint
    assert again.fingerprint == fingerprint
    assert other.fingerprint != fingerprint


def test_a_file_that_vanishes_is_skipped_whole(copy):
    split = train(copy())
    split.paths[3].unlink()
    assert count(split.dataset(on_error="skip")) == EXAMPLES - split.shards[3].examples
    assert split.losses.by_shard == {split.paths[3].name: split.shards[3].examples}
