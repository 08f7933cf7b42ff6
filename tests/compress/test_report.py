"""Variants measured side by side, and which is recommended."""

import dataclasses
import gzip
import json

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from tftrain import litert
from tftrain.compress import Variant, report, threshold_weights
from tftrain.compress.answers import judge
from tftrain.compress.label_places import write_names
from tftrain.compress.measuring import Measured
from tftrain.compress.reports import Report
from tftrain.compress.weight_counts import WeightCounts
from tftrain.errors import CompressionError, ConversionFailed
from tftrain.keras_api import keras
from tftrain.latency import Latency


@pytest.fixture(scope="module")
def examples():
    x = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
    return x, (x[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def dense():
    """Right on every example: the first input decides."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2, name="out")])
    kernel = np.full((6, 2), 0.001)
    kernel[0] = [-1.0, 1.0]
    model.set_weights([kernel, np.zeros(2)])
    return model


@pytest.fixture(scope="module")
def broken(dense):
    model = keras.models.clone_model(dense)
    model.set_weights([-dense.get_weights()[0], np.zeros(2)])
    return model


@pytest.fixture(scope="module")
def compared(dense, broken, examples):
    cut = threshold_weights(dense, 0.01)
    lite = litert.convert(cut)
    variants = {"dense": dense, "cut": cut, "file": lite, "broken": broken}
    return report(variants, examples, rounds=1, batch_sizes=(1, 3), labels=["low", "high"])


def by_name(compared):
    return {one.name: one for one in compared.variants}


def test_weights_are_counted_in_models_and_in_files(compared):
    of = by_name(compared)
    assert of["dense"].weights.parameters == 14
    assert of["dense"].weights.nonzero == 12
    for name in ("cut", "file"):
        assert of[name].weights.nonzero == 2
        assert of[name].weights.distinct == of[name].weights.distinct_largest == 3


def test_sizes_are_those_of_the_lite_rt_files(compared, dense):
    content = litert.convert(dense).content
    one = by_name(compared)["dense"]
    assert (one.file, one.bytes) == ("tflite", len(content))
    assert one.gzip_bytes == len(gzip.compress(content, 9, mtime=0))


def test_accuracy_is_compared_with_the_first(compared):
    of = by_name(compared)
    assert (of["dense"].accuracy, of["dense"].drop) == (1.0, 0.0)
    assert of["cut"].accuracy == of["file"].accuracy == 1.0
    assert of["broken"].drop == pytest.approx(1.0, abs=0.1)
    assert of["broken"].worst_class_drop >= of["broken"].drop
    assert of["broken"].worst_class in ("low", "high")


def test_latency_is_measured_of_every_program_and_batch(compared):
    of = by_name(compared)
    assert set(of["dense"].latency) == {"Keras predict", "Keras compiled", "SavedModel", "LiteRT"}
    assert set(of["file"].latency) == {"LiteRT"}
    for by_size in of["dense"].latency.values():
        assert set(by_size) == {1, 3}
        assert all(0 < one.median <= one.p95 for one in by_size.values())


def test_the_smallest_within_the_drop_is_recommended(compared):
    assert compared.recommended.name in ("cut", "file")
    assert "recommended: " in str(compared)
    assert f"{compared.recommended.gzip_bytes:,} bytes by gzip" in compared.verdict


def test_what_is_saved_can_be_read(compared, tmp_path):
    document, picture = compared.save(tmp_path / "made/if missing")
    kept = json.loads(document.read_text())
    assert kept["recommended"] == compared.recommended.name
    assert kept["variants"][0]["latency"]["LiteRT"]["1"]["calls"] >= 3
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(document.parent.iterdir()) == [document, picture]


def measured(name, gzip_bytes, accuracy, first=0.98):
    return Measured(
        name=name, how="", weights=WeightCounts(10, 5, 3, 3, 0.5), file="tflite",
        bytes=2 * gzip_bytes, gzip_bytes=gzip_bytes, accuracy=accuracy, drop=first - accuracy,
        worst_class="7", worst_class_drop=0.01, latency={"LiteRT": {1: Latency(1.0, 2.0, 3.0, 30)}},
    )  # fmt: skip


MEASURED = (
    measured("dense", 375_000, 0.98),
    measured("int8", 104_000, 0.9795),
    measured("pruned_int8", 34_000, 0.9779),
    measured("pruned_clustered", 32_000, 0.9771),
    measured("pruned_clustered_qat", 24_000, 0.9769),
    measured("tiny", 9_000, 0.9512),
)


@pytest.mark.parametrize(
    ("drop", "name"),
    [(0.01, "pruned_clustered_qat"), (0.0021, "pruned_int8"), (0.001, "int8"), (0.5, "tiny")],
)
def test_the_allowed_drop_decides(drop, name):
    assert Report(MEASURED, drop).recommended.name == name


def test_none_is_recommended_if_all_lose_too_much():
    compared = Report(MEASURED, 0.0001)
    assert compared.recommended is None
    assert "recommended: none" in compared.verdict
    assert "nearest is int8 (0.0005 less)" in compared.verdict


def test_a_drop_that_is_just_allowed_counts():
    """0.98 - 0.97 is a little more than 0.01 in floats."""
    pair = measured("dense", 2, 0.98), measured("small", 1, 0.97)
    assert Report(pair, 0.01).recommended.name == "small"


def test_the_table_has_a_row_a_variant_and_fits_a_page():
    lines = str(Report(MEASURED, 0.01)).splitlines()
    assert [line.split()[0] for line in lines[1:7]] == [one.name for one in MEASURED]
    assert max(map(len, lines[:7])) < 130
    assert "15.6x" in lines[5]


@pytest.mark.parametrize("drop", [0.01, 0.0001, 0.3])
def test_names_in_the_picture_overlap_neither_each_other_nor_the_edge(drop):
    close = [
        dataclasses.replace(one, name=f"{one.name}_again", gzip_bytes=one.gzip_bytes + 400)
        for one in MEASURED
    ]
    figure = Report((*MEASURED, *close), drop).figure()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,) = figure.axes
    boxes = [Text.get_window_extent(text, canvas.get_renderer()) for text in axes.texts]
    assert len(boxes) == 13  # the names, and what the band means
    for number, box in enumerate(boxes):
        assert not box.count_overlaps(boxes[:number])
        assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1
        assert axes.bbox.y0 <= box.y0 < box.y1 <= axes.bbox.y1


def test_names_that_find_no_place_are_written_all_the_same():
    axes = Figure(figsize=(0.8, 0.8)).subplots()
    write_names(axes, [(0.5, 0.5)] * 3, ["a long name"] * 3)
    assert len(axes.texts) == 3


def test_a_model_that_lite_rt_cannot_have_is_sized_as_a_keras_file(examples, dense, monkeypatch):
    def refuse(_):
        raise ConversionFailed("no operation for it")

    monkeypatch.setattr(litert, "convert", refuse)
    one, _ = report({"dense": dense, "again": dense}, examples, rounds=0).variants
    assert one.file == "keras"
    assert one.bytes > 2000
    assert "(.keras)" in str(Report((one,), 0.01))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], "expected variants"),
        ({"dense": "model"}, "received str"),
        (None, "received NoneType"),
    ],
)
def test_variants_that_are_none_are_refused(wrong, said, examples):
    with pytest.raises(CompressionError, match=said):
        report(wrong, examples)


def test_two_variants_of_one_name_are_refused(dense, examples):
    with pytest.raises(CompressionError, match="several variants have the name 'it'"):
        report([Variant("it", dense), Variant("it", dense)], examples)


@pytest.mark.parametrize("drop", [-0.01, 1.5, float("nan")])
def test_a_drop_that_is_no_share_is_refused(dense, examples, drop):
    with pytest.raises(CompressionError, match="max_accuracy_drop"):
        report({"dense": dense}, examples, max_accuracy_drop=drop)


@pytest.mark.parametrize(
    ("y", "outputs", "accuracy"),
    [
        ([0, 1, 2], np.eye(3), 1.0),
        (np.eye(3)[[0, 1, 1]], np.eye(3), 2 / 3),
        ([[0], [1], [1]], np.eye(3), 2 / 3),
        ([0, 1], np.array([[0.2], [0.9]]), 1.0),
        ([0, 1], np.array([0.7, 0.9]), 0.5),
        ([0, 2], {"out": np.eye(3)[:2]}, 0.5),
    ],
)
def test_answers_of_classifiers(y, outputs, accuracy):
    assert judge(np.asarray(y), outputs).accuracy == pytest.approx(accuracy)


@pytest.mark.parametrize(
    ("y", "outputs", "said"),
    [
        (np.array([0.5, 1.2]), np.eye(2), "not whole"),
        (np.array([0, 3]), np.eye(2), "expected 0 to 1"),
        (np.array([0, 1]), np.eye(3), "do not fit"),
        (np.array([], int), np.zeros((0, 3)), "do not fit"),
        (np.array([0, 1]), np.array([3.0, -2.0]), "no probability"),
        (np.array([0, 1]), [np.eye(2), np.eye(2)], "2 outputs"),
    ],
)
def test_what_is_no_classifier_is_refused(y, outputs, said):
    with pytest.raises(CompressionError, match=said):
        judge(y, outputs)


def test_a_class_without_examples_is_no_drop():
    before, after = (
        judge(np.array([0, 0]), np.eye(3)[[0, 0]]),
        judge(np.array([0, 0]), np.eye(3)[:2]),
    )
    assert after.worst_drop(before) == (0, 0.5)
