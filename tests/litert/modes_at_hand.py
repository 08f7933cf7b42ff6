"""The modes to test: four bits only where the extra `tftrain[int4]` is installed."""

import pytest

from tftrain import litert
from tftrain.litert import four_bits

INT4 = pytest.param(
    "int4",
    marks=pytest.mark.skipif(not four_bits.is_installed(), reason="needs litert-quantizer"),
)
MODES = [INT4 if mode == "int4" else mode for mode in litert.MODES]
