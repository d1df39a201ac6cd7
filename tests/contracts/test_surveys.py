"""What every survey promises the pipeline; each survey in SURVEYS must have its cases here."""

import numpy as np
import pytest

from streamer.codec.framing import Framing
from streamer.codec.types import root_of
from streamer.data.batch import AlertBatch
from streamer.pipeline import Pipeline
from streamer.surveys import SURVEYS, survey_of
from streamer.surveys.survey import Survey
from tests.packets import (
    LSST,
    LSST_ID,
    PULSAR,
    ZTF,
    TableOfSchemas,
    lsst_forced,
    lsst_packet,
    lsst_source,
    pulsar_packet,
    raw_batch,
    ztf_forced,
    ztf_packet,
    ztf_point,
)

CASES = {
    "ztf": (ZTF, [ztf_packet([ztf_point()], [ztf_forced()]), ztf_packet(None, None), ztf_packet(fid=9)]),
    "lsst": (
        LSST,
        [lsst_packet([lsst_source(4, midpointMjdTai=60_990.0)], [lsst_forced()]), lsst_packet(), lsst_packet(band=None)],
    ),
    "pulsar": (PULSAR, [pulsar_packet(), pulsar_packet([], []), pulsar_packet([float("nan")], object_id="J0534+2200")]),
}


def test_every_survey_has_its_cases() -> None:
    assert {survey.name for survey in SURVEYS} == set(CASES)


def alerts_of(survey: Survey) -> AlertBatch:
    framing = Framing(TableOfSchemas({LSST_ID: LSST}))
    (part,) = Pipeline(framing, {}, allow_private=True)(raw_batch(CASES[survey.name][1])).scored
    return part.alerts


@pytest.mark.parametrize("survey", SURVEYS, ids=lambda survey: survey.name)
class TestSurvey:
    def test_it_alone_recognises_its_packets(self, survey: Survey) -> None:
        root = root_of(CASES[survey.name][0])
        assert survey_of(root) is survey
        assert [other.name for other in SURVEYS if other.recognises(root)] == [survey.name]

    def test_columns_have_the_promised_types_and_lengths(self, survey: Survey) -> None:
        alerts = alerts_of(survey)
        n = len(CASES[survey.name][1])
        assert alerts.survey == survey.name
        assert alerts.bands == survey.bands
        dtypes = {
            "row": "i8",
            "alert_id": "i8",
            "epoch": "f8",
            "ra": "f8",
            "dec": "f8",
            "band": "i1",
            "flux": "f4",
            "flux_err": "f4",
        }
        for name, dtype in dtypes.items():
            column = getattr(alerts, name)
            assert (column.dtype, len(column)) == (np.dtype(dtype), n), name
        assert all((column.dtype, len(column)) == (np.dtype("f4"), n) for column in alerts.context.values())
        points = {"epoch": "f8", "band": "i1", "flux": "f4", "flux_err": "f4", "total": "f4", "kind": "i1"}
        assert {name: column.dtype for name, column in alerts.light_curves.columns.items()} == {
            name: np.dtype(dtype) for name, dtype in points.items()
        }

    def test_light_curves_are_ordered_unique_measured_and_of_the_past(self, survey: Survey) -> None:
        alerts = alerts_of(survey)
        for i in range(len(alerts)):
            curve = alerts.light_curves.row(i)
            keys = list(zip(curve["epoch"].tolist(), curve["band"].tolist(), curve["kind"].tolist(), strict=True))
            assert keys == sorted(set(keys))
            assert (curve["epoch"] <= alerts.epoch[i]).all()
            assert (curve["flux_err"] > 0).all()
            assert (curve["band"] >= 0).all()

    def test_no_alerts_make_an_empty_batch_with_the_same_columns(self, survey: Survey) -> None:
        alerts = alerts_of(survey)
        empty = alerts.take(np.zeros(0, dtype=np.int64))
        assert len(empty) == len(empty.light_curves) == 0
        assert empty.context.keys() == alerts.context.keys()
