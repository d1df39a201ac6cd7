"""Benchmarks of the field, each on its own data and apart from the models that serve: what the features and trees are worth."""
