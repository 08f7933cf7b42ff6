"""Trainings whose exports are not the subject, and so are not verified: that takes a process."""

from tftrain.cli.main import main

QUICK = ("train", "--noverify_export")


def train(*flags):
    """Runs `tftrain train` with flags; gives its exit status."""
    return main([*QUICK, *flags])
