"""Models of pulsar candidates, trained on published tables of features instead of light curves."""
