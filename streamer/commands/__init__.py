"""What the longer commands do; :mod:`streamer.cli` has their names and flags."""
