"""One file per measure; each gives a :class:`streamer.bench.result.Measured`."""
