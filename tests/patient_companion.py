"""A companion process that does not retire: the tests that ask for it come minutes apart.

It ends when its owner does.
"""

import sys

from tftrain import companion_process

if __name__ == "__main__":
    companion_process._IDLE_SECONDS = None
    companion_process._main(sys.argv[1], sys.argv[2:])
