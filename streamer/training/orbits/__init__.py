"""Whether a pulsar is in a binary: a model trained on periods that real orbits would show at a few epochs."""
