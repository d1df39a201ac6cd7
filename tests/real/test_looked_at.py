"""Real Rubin packets with a known class, looked at with the shipped model."""

from pathlib import Path

import numpy as np
import pytest

from streamer.commands.classify import loaded
from streamer.training.looked_at import OUTCOMES, of_packets
from streamer.training.packets import RUBIN, labelled_alerts, tried

pytestmark = pytest.mark.real_data


def test_each_labelled_object_is_looked_at_once_with_its_latest_packet(real_data: Path) -> None:
    model = loaded("variability-lsst", explain=True)
    rows = list(of_packets(RUBIN, model, real_data))
    assert len({row["object"] for row in rows}) == len(rows) == tried(RUBIN, model, real_data, ())["objects"]
    latest: dict[str, tuple[float, str]] = {}
    for scored, i, truth in labelled_alerts(RUBIN, model, real_data):
        name = scored.alerts.object_id[i].decode()
        latest[name] = max(latest.get(name, (0.0, truth.name)), (float(scored.alerts.epoch[i]), truth.name))
    for row in rows:
        assert (row["nature"], row["class"]) == ("real", latest[row["object"]][1])
        assert row["outcome"] in OUTCOMES
        assert len(row["reasons"]) == 3
        days = np.array(row["points"]["days"].split(), dtype=np.float64)
        assert days.max() == 0.0
        assert row["points"]["kind"].split().count("0") == row["detections"]
