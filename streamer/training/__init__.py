"""Data sets, fitting, evaluation and reports; needs the extra `train`."""
