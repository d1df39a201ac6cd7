"""One file per survey: its field names with aliases, its units, and the way to an AlertBatch."""
