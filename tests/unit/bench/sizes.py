"""The smallest run of every measure."""

from streamer.bench.run import Effort

TINY = Effort(
    rounds=1,
    simulated=6,
    batch=8,
    identical_rows=50,
    memory_alerts=64,
    histories=(1, 12),
    batches=(1, 4),
    is_cold=False,
    stand_in=(2, 200),
)
