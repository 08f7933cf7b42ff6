import threading
import weakref

import numpy as np

from tests.launched_job import run
from tests.waiting import wait_until
from tftrain.distribute.keras_bridge import iterator_end
from tftrain.keras_api import tf


def test_freeing_an_iterator_does_not_wait_for_what_it_still_does():
    begun, go_on, told = threading.Event(), threading.Event(), []

    def slow(number):
        if number > 0:
            begun.set()
            told.append(go_on.wait(10))
        return number

    dataset = tf.data.Dataset.range(2).map(lambda each: tf.py_function(slow, [each], tf.int64))
    iterator = iter(dataset.prefetch(1))
    iterator_end.free_aside(iterator)
    next(iterator)
    resource = weakref.ref(iterator._iterator_resource)
    assert begun.wait(20)
    del iterator
    go_on.set()
    wait_until(lambda: told and resource() is None)
    assert told == [True]  # while it was freed, not before


def test_what_fit_reads_from_is_freed_aside():
    from keras.src.backend.tensorflow.trainer import TFEpochIterator

    iterator_end.install()
    strategy = tf.distribute.get_strategy()
    epochs = TFEpochIterator(strategy, x=np.zeros((4, 1)), y=np.zeros(4), batch_size=2)
    _, _, iterator = next(epochs._enumerate_iterator())
    assert type(iterator).__name__ == "IteratorFreedAside"
    assert next(iterator)[0].shape == (2, 1)


def test_an_iterator_that_lives_as_long_as_its_process_does_not_keep_that_from_ending():
    script = """
from tftrain.distribute.keras_bridge import iterator_end
from tftrain.keras_api import tf

kept = iter(tf.data.Dataset.range(3))
iterator_end.free_aside(kept)
print("ends")
"""
    ended = run(["-c", script], limit=60, warm=False)
    assert (ended.status, ended.output) == (0, "ends\n")
