"""The taxonomy, and classifiers loaded from text bundles."""
