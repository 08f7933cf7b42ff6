"""`python -m tftrain` is the `tftrain` command."""

from tftrain.cli.main import run

if __name__ == "__main__":
    run()
