"""Context is what the packet says, and NaN where it says nothing."""

import math

import numpy as np

from streamer.features.context import FAMILY, PLAIN
from tests.builders import alert_batch
from tests.unit.features.curves import values


def test_values_are_taken_as_they_are() -> None:
    context = {feature.name: [float(i) + 0.5, math.nan] for i, feature in enumerate(PLAIN)}
    first, second = values(FAMILY, alert_batch([{}, {}], context=context))
    assert [first[feature.name] for feature in PLAIN] == [i + 0.5 for i in range(len(PLAIN))]
    assert all(math.isnan(value) for value in second.values())


def test_a_name_that_the_survey_does_not_have_gives_nan() -> None:
    alerts = alert_batch([{}], context={"snr": [7.0], "unheard_of": [1.0]})
    found = values(FAMILY, alerts)[0]
    assert found["snr"] == 7.0
    assert sum(math.isnan(value) for value in found.values()) == len(found) - 1


def test_ratios_of_counters() -> None:
    context = {"n_history": [4.0, 4.0, 0.0], "n_covered": [16.0, 0.0, 5.0], "history_age": [10.0, 10.0, 10.0]}
    matrix = values(FAMILY, alert_batch([{}] * 3, context=context))
    np.testing.assert_array_equal([row["detection_rate"] for row in matrix], [0.25, math.nan, 0.0])
    np.testing.assert_array_equal([row["history_cadence"] for row in matrix], [2.5, 2.5, math.nan])


def test_infinities_are_undefined() -> None:
    assert math.isnan(values(FAMILY, alert_batch([{}], context={"snr": [math.inf]}))[0]["snr"])


def test_contrasts_compare_the_alert_with_what_is_there_always() -> None:
    flux = np.array([10**4.4, -(10**4.4), math.nan], dtype=np.float32)  # 20.4 mag
    context = {
        "reference_magnitude": [18.0, math.nan, 18.0],
        "template_magnitude": [math.nan, 19.0, math.nan],
        "nearest_source_magnitude": [21.0, math.nan, 21.0],
    }
    matrix = values(FAMILY, alert_batch([{}] * 3, flux=flux, context=context))
    np.testing.assert_allclose([row["reference_contrast"] for row in matrix], [2.4, 1.4, math.nan], rtol=1e-5)
    np.testing.assert_allclose([row["nearest_source_contrast"] for row in matrix], [-0.6, math.nan, math.nan], rtol=1e-5)
