"""`streamer bench`: fair baselines, and ratios of runs taken in turn (extra ``bench``)."""
