"""A local server of the TF Serving API, for development and tests."""
