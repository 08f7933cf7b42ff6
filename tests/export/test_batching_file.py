import pytest

from tftrain.errors import BadInput
from tftrain.export.batching_file import Batching, read

OFFICIAL = """
max_batch_size { value: 64 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 7 }
num_batch_threads { value: 3 }
thread_pool_name { value: "x" }
allowed_batch_sizes: 8
allowed_batch_sizes: 64
pad_variable_length_inputs: true
"""


def test_the_official_file_is_understood(tmp_path):
    (tmp_path / "batching.config").write_text(OFFICIAL)
    assert read(tmp_path) == Batching(64, 1000, (8, 64), 7, 3)


def test_without_a_file_nothing_is_said(tmp_path):
    assert read(tmp_path) == Batching()


def test_what_is_said_on_the_command_line_goes_before_the_file():
    file = Batching(64, 1000, (8, 64))
    assert Batching(timeout_micros=5).or_else(file) == Batching(64, 5, (8, 64))
    assert Batching(max_batch_size=16).or_else(file) == Batching(16, 1000, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch { value: 3 }", "is no batching file"),
        ("max_batch_size: 3", "is no batching file"),
        ("max_batch_size { value: 0 }", "max_batch_size is 0; expected 1 or more"),
        ("batch_timeout_micros { value: -1 }", "timeout_micros is -1; expected 0 or more"),
        ("allowed_batch_sizes: 8 allowed_batch_sizes: 4", "expected growing sizes"),
        ("max_batch_size { value: 16 } allowed_batch_sizes: 8", "expected max_batch_size, 16"),
        ("allowed_batch_sizes: 8", "expected max_batch_size, None"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path, text, message):
    (tmp_path / "batching.config").write_text(text)
    with pytest.raises(BadInput, match=message) as caught:
        read(tmp_path)
    assert str(tmp_path / "batching.config") in str(caught.value)
