import base64
import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tftrain.errors import ServingError
from tftrain.serve.json_answers import classifications, predictions, refusal, regressions
from tftrain.serve.json_tensors import FLOATS, INTEGERS, tensor

SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
@settings(max_examples=25, deadline=None)
@given(data=st.data(), rows=st.booleans())
def test_arrays_go_out_and_come_back(dtype, data, rows):
    kind = FLOATS.get(dtype) or INTEGERS[dtype]
    array = data.draw(arrays.arrays(kind, SHAPES))
    (written,) = json.loads(predictions({"y": array}, rows)).values()
    read = tensor(written, dtype)
    np.testing.assert_array_equal(read, array.reshape(read.shape))


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_largest_number_comes_back(dtype):
    largest = np.array([np.finfo(FLOATS[dtype]).max])
    (written,) = json.loads(predictions({"y": largest}, rows=True)).values()
    np.testing.assert_array_equal(tensor(written, dtype), largest)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text() | st.binary(), min_size=1))
def test_strings_are_text_and_bytes_are_base64(values):
    array = np.empty(len(values), object)
    array[:] = [value.encode() if isinstance(value, str) else value for value in values]
    answer = json.loads(predictions({"label": array, "png_bytes": array}, rows=False))["outputs"]
    assert [base64.b64decode(one["b64"]) for one in answer["png_bytes"]] == array.tolist()
    assert answer["label"] == [value.decode(errors="replace") for value in array]


def test_rows_are_objects_if_there_are_several_outputs():
    outputs = {"score": np.float32([0.5, 0.25]), "label": np.array([b"a", b"b"], object)}
    assert json.loads(predictions(outputs, rows=True)) == {
        "predictions": [{"score": 0.5, "label": "a"}, {"score": 0.25, "label": "b"}]
    }


def test_floats_have_no_noise_and_are_never_integers():
    array = np.array([0.1, 1, 9e6, 3e-5], np.float32)
    assert predictions({"y": array}, rows=True) == (
        b'{"predictions":[0.1,1.0,9000000.0,0.00003]}\n'
    )


def test_nan_and_infinity_are_written_as_such():
    array = np.array([[np.nan, 0.1], [np.inf, -np.inf]], np.float32)
    assert predictions({"y": array}, rows=True) == (
        b'{"predictions": [[NaN, 0.1], [Infinity, -Infinity]]}\n'
    )
    several = predictions({"y": array, "n": np.array([1, 2])}, rows=True)
    assert several.startswith(b'{"predictions": [{"y": [NaN, 0.1], "n": 1}, ')


def test_a_scalar_has_columns_but_no_rows():
    outputs = {"y": np.float32(0.5), "z": np.array(b"a", object)}
    assert json.loads(predictions(outputs, rows=False)) == {"outputs": {"y": 0.5, "z": "a"}}
    with pytest.raises(ServingError, match="Tensor name: y has no shape information"):
        predictions(outputs, rows=True)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, "b has inconsistent batch size: 3 expecting: 2"),
        ({"a": np.zeros(2, ml_dtypes.bfloat16)}, "for tensor type: bfloat16"),
    ],
)
def test_what_cannot_be_written_is_refused(outputs, message):
    with pytest.raises(ServingError, match=message):
        predictions(outputs, rows=True)


def test_classes_and_scores_are_pairs():
    classes = np.array([[b"cat", b"dog"]], object)
    scores = np.array([[0.9, 0.1]], np.float32)
    assert json.loads(classifications(classes, scores)) == {
        "results": [[["cat", 0.9], ["dog", 0.1]]]
    }
    assert json.loads(classifications(None, scores)) == {"results": [[["", 0.9], ["", 0.1]]]}
    assert json.loads(classifications(classes, None)) == {"results": [[["cat", 0.0], ["dog", 0.0]]]}


def test_scores_may_be_nan():
    assert classifications(None, np.float32([[np.nan]])) == b'{"results": [[["", NaN]]]}\n'


def test_regressions_are_numbers():
    assert regressions(np.float32([0.1, 2])) == b'{"results":[0.1,2.0]}\n'
    with pytest.raises(ServingError, match="empty RegressionResults"):
        regressions(np.float32([]))


def test_a_refusal_is_json_whatever_it_says():
    assert json.loads(refusal('no "model"\n\x00\ud800')) == {"error": 'no "model"\n\x00?'}
