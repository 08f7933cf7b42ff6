import pytest
from hypothesis import given
from hypothesis import strategies as st

from tftrain.data import sharding
from tftrain.errors import BadInput


@given(files=st.lists(st.integers(1, 9), min_size=1, max_size=7), workers=st.integers(1, 9))
def test_all_workers_together_read_every_example_once(files, workers):
    first = [sum(files[:index]) for index in range(len(files))]
    read = []
    for worker in range(workers):
        part = sharding.share((worker, workers), files)
        numbers = [n for f in part.files for n in range(first[f], first[f] + files[f])]
        kept = [n for n in numbers if n % part.every == part.offset]
        assert part.kept(len(numbers)) == len(kept)
        read += kept
    assert sorted(read) == list(range(sum(files)))


def test_whole_files_are_shared_where_they_suffice():
    assert sharding.share((1, 2), [5, 5]).every == 1
    assert sharding.share((1, 3), [5, 5]).every == 3


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0)])
def test_a_worker_that_there_is_not_is_refused(shard):
    with pytest.raises(BadInput, match="0 <= index < workers"):
        sharding.share(shard, [5])
