"""The lab's files are programs to be run, not modules to be searched for tests."""

collect_ignore_glob = ["*.py"]
