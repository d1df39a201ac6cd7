"""One file per family of features; an AlertBatch becomes a float32 matrix with named columns."""
