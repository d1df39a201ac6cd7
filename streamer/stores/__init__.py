"""Writer schemas and model bundles, by name."""
