"""Models of whole candidate packets: simulated ones, anchored to real tables of features, together with those tables."""
