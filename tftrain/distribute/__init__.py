"""Strategies, clusters and the repairs that make Keras 3 right under them."""
