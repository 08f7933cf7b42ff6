import threading

import numpy as np

from tftrain.distribute.keras_bridge import iterator_end
from tftrain.keras_api import tf


def test_freeing_an_iterator_does_not_wait_for_what_it_still_does():
    go_on = threading.Event()

    def slow(number):
        if number > 0:
            go_on.wait(10)
        return number

    dataset = tf.data.Dataset.range(3).map(lambda each: tf.py_function(slow, [each], tf.int64))
    iterator = iter(dataset.prefetch(1))
    iterator_end.free_aside(iterator)
    next(iterator)
    del iterator
    freeing = [each for each in threading.enumerate() if each.name == "free-iterator"]
    go_on.set()
    assert len(freeing) == 1
    freeing[0].join(10)
    assert not freeing[0].is_alive()


def test_what_fit_reads_from_is_freed_aside():
    from keras.src.backend.tensorflow.trainer import TFEpochIterator

    iterator_end.install()
    strategy = tf.distribute.get_strategy()
    epochs = TFEpochIterator(strategy, x=np.zeros((4, 1)), y=np.zeros(4), batch_size=2)
    _, _, iterator = next(epochs._enumerate_iterator())
    assert type(iterator).__name__ == "IteratorFreedAside"
    assert next(iterator)[0].shape == (2, 1)
