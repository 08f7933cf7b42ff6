"""The process that converts is kept from one conversion to the next."""

from tftrain import litert
from tftrain.litert import converter


def test_the_process_is_kept_for_the_next_conversion(sample):
    litert.convert(sample("mlp"))
    first = converter._companion.process.pid
    litert.convert(sample("mlp"))
    assert converter._companion.process.pid == first
