"""Light curves of other surveys as ours would have seen them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.classify.manifest import Manifest
from streamer.data.photometry import BANDS, Kind
from streamer.errors import InvalidConfig
from streamer.training.crossfit import calibrations, grown
from streamer.training.datasets import LightCurves, Origin, joined
from streamer.training.fit import examples_of, read_sets
from streamer.training.kept import Kept
from streamer.training.kinds import kind_of
from streamer.training.labels import Provenance
from streamer.training.prepare import survey_of
from streamer.training.recipe import RECIPES, Reobserved, parse_recipe
from streamer.training.reobservation.comparison import Arm, Comparison, base_of, compared, read_comparison, with_reobserved
from streamer.training.reobservation.donors import Donors, Visits
from streamer.training.reobservation.nature import NATURES, relative_amplitude, relative_flux
from streamer.training.reobservation.observe import THRESHOLD, Wanted, observed, reobserved
from streamer.training.reobservation.report import scores_text
from streamer.training.reobservation.shapes import FourierSeries, Smoothed, folded, periods, smoothed
from streamer.training.split import Part, slices
from streamer.training.tables import write_table
from streamer.training.train import fitted
from tests.unit.training.tables import SMALL_RECIPE, table, write_bts

G, R = BANDS.index("g"), BANDS.index("r")
PERIOD = 0.57
SLICES = 4


def sine(epoch: np.ndarray, amplitude: float = 0.4) -> np.ndarray:
    return 1.0 + amplitude * np.cos(2 * np.pi * epoch / PERIOD)


def stars(n: int, label: str = "RRL", amplitude: float = 0.4) -> LightCurves:
    """Sinusoidal stars of another survey, in one band."""
    rng = np.random.default_rng(1)
    curves = []
    for i in range(n):
        epoch = np.sort(54_000.0 + rng.uniform(0, 300, 120))
        flux = 1e6 * sine(epoch, amplitude) + rng.normal(0, 5e3, 120)
        curves.append(
            {"object_id": f"T{i}", "epoch": epoch, "flux": flux, "flux_err": 5e3, "band": R, "label": label, "source": "other"}
        )
    made = table(curves)
    return replace(made, survey="other")


def packets(n: int, reference: float = 1e6, depth: float = 3e3) -> LightCurves:
    """Donors: visits in two bands over 30 days, of which the last is an alert's; half found nothing."""
    rng = np.random.default_rng(2)
    curves = []
    for i in range(n):
        epoch = np.append(np.sort(59_000.0 + rng.uniform(0, 29, 15)), 59_030.0)
        kind = np.where(np.arange(16) % 2 == 1, Kind.DETECTION, Kind.LIMIT)
        flux = np.where(kind == Kind.DETECTION, 5e4, np.nan)
        curves.append(
            {
                "object_id": f"D{i}",
                "epoch": epoch,
                "band": np.where(np.arange(16) % 3 == 0, G, R),
                "kind": kind,
                "flux": flux,
                "total": flux + reference,
                "flux_err": depth,
                "complete": np.arange(16) == 15,
                "label": "",
                "source": "packets",
            }
        )
    return table(curves)


def sliced(light_curves: LightCurves) -> np.ndarray:
    return slices(light_curves.group.tolist(), 3, SLICES)


def seen(templates: LightCurves, donors: LightCurves, **wanted: object) -> LightCurves:
    asked = {"classes": ("RRL",), "per_class": 12, "seed": 4} | wanted
    return reobserved(templates, sliced(templates), Donors.of(donors, sliced(donors)), Wanted(**asked))  # type: ignore[arg-type] # by name


def visits(epoch: np.ndarray, depth: float, relative_error: float = 0.0) -> Visits:
    n = len(epoch)
    band = np.full(n, R, dtype=np.int8)
    return Visits("D", epoch, band, np.full(n, depth), relative_error, np.ones(n, dtype=np.bool_), {R: 1e6}, {})


def test_a_sinusoid_seen_without_noise_is_the_sinusoid_at_the_donors_epochs() -> None:
    templates = stars(1)
    points = templates.curves.row(0)
    found = periods(templates)[0]
    assert found == pytest.approx(PERIOD, rel=1e-4)
    series = folded(points["epoch"], points["flux"].astype(float), points["flux_err"].astype(float), found)
    assert series is not None
    assert len(series.cosines) == 1, "one harmonic is all that a sinusoid has"
    epoch = np.linspace(54_100.0, 54_130.0, 40)
    light = 1e6 * (series.at(epoch) - 1.0)
    made = observed(visits(epoch, 1.0), light, np.full(40, 1e6), "ztf", np.random.default_rng(0), noise=0.0)
    assert made["epoch"].tolist() == epoch.tolist()
    assert made["flux"] == pytest.approx(1e6 * (sine(epoch) - 1.0), abs=2e4)
    assert made["total"] == pytest.approx(1e6 * sine(epoch), abs=2e4)


@given(
    st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=30), st.floats(10, 1e4), st.floats(0, 0.1), st.sampled_from(["ztf", "lsst"])
)
def test_below_the_threshold_ztf_has_limits_and_lsst_forced_photometry(
    light: list[float], depth: float, relative: float, survey: str
) -> None:
    given_visits = visits(59_000.0 + np.arange(len(light)), depth, relative)
    made = observed(given_visits, np.array(light), np.full(len(light), np.nan), survey, np.random.default_rng(0))
    detected = made["kind"] == Kind.DETECTION
    strength = np.abs(made["flux"]) / made["flux_err"]
    assert (strength[detected] >= THRESHOLD * (1 - 1e-6)).all()
    assert (made["flux_err"] >= np.float32(depth)).all()
    if survey == "ztf":
        assert (made["kind"][~detected] == Kind.LIMIT).all()
        assert np.isnan(made["flux"][~detected]).all()
        assert (made["flux_err"][~detected] == np.float32(depth)).all()
    else:
        assert (made["kind"][~detected] == Kind.FORCED).all()
        assert (strength[~detected] < THRESHOLD * (1 + 1e-6)).all()


def test_where_the_template_says_nothing_there_is_no_point() -> None:
    made = observed(
        visits(np.arange(3.0), 1.0), np.array([np.nan, 100.0, np.nan]), np.full(3, np.nan), "ztf", np.random.default_rng(0)
    )
    assert made["epoch"].tolist() == [1.0]


def test_the_same_seed_sees_the_same_and_another_something_else() -> None:
    templates, donors = stars(10), packets(60)
    once = seen(templates, donors)
    assert once.digest() == seen(templates, donors).digest()
    assert once.digest() != seen(templates, donors, seed=5).digest()


def test_what_becomes_of_an_object_does_not_depend_on_the_others() -> None:
    templates, donors = stars(10), packets(60)
    every = seen(templates, donors)
    some = seen(templates.take(np.arange(4)), donors, per_class=4)
    place = {name: row for row, name in enumerate(every.object_id.tolist())}
    for row, name in enumerate(some.object_id.tolist()):
        assert some.curves.row(row)["flux"].tobytes() == every.curves.row(place[name])["flux"].tobytes()


def test_donors_are_of_the_templates_slice() -> None:
    """Each donor has a depth of its own, by which it is known again."""
    templates, donors = stars(12), packets(40)
    depth = (3e3 + 10.0 * np.arange(40)).astype(np.float32)
    donors = replace(
        donors, curves=replace(donors.curves, columns={**donors.curves.columns, "flux_err": depth[donors.curves.rows]})
    )
    made = seen(templates, donors, per_class=24)
    assert len(made) > 12, "templates that are fewer are seen several times"
    of_donor = sliced(donors)
    for row, part in enumerate(sliced(made)):
        points = made.curves.row(row)
        limits = points["flux_err"][points["kind"] == Kind.LIMIT]
        owner = np.flatnonzero(np.isin(depth, limits))
        assert set(of_donor[owner].tolist()) <= {part}


def test_every_object_raised_an_alert_and_nothing_is_undefined_that_should_not_be() -> None:
    made = joined([packets(30), seen(stars(10), packets(30))])
    made = made.take(np.flatnonzero(made.provenance == Provenance.REOBSERVED))
    assert len(made)
    curves = made.curves
    detected = curves["kind"] == Kind.DETECTION
    alerts = np.bincount(curves.rows[detected & curves["complete"]], minlength=len(made))
    assert (alerts > 0).all()
    assert np.isfinite(curves["flux"][detected]).all()
    assert np.isfinite(curves["total"][detected]).all()
    assert (curves["flux_err"] > 0).all()
    assert (made.survey, made.bands) == ("ztf", ("g", "r", "i"))
    assert set(made.source.tolist()) == {"other"}


def test_lsst_measures_every_visit_and_gives_stars_their_own_brightness_where_donors_have_none() -> None:
    """PLAsTiCC's visits lie on no source that is told."""
    donors = packets(30)
    bare = {**donors.curves.columns, "total": np.full(donors.curves.offsets[-1], np.nan, dtype=np.float32)}
    donors = replace(donors, survey="lsst", bands=BANDS, curves=replace(donors.curves, columns=bare))
    made = seen(stars(10), donors)
    assert len(made)
    assert (made.survey, made.bands) == ("lsst", BANDS)
    assert set(made.curves["kind"].tolist()) == {Kind.DETECTION, Kind.FORCED}
    assert np.isfinite(made.curves["flux"]).all()
    of_r = made.curves["band"] == R
    assert np.median((made.curves["total"] - made.curves["flux"])[of_r]) == pytest.approx(1e6, rel=0.02)


def test_an_eclipsing_star_is_mostly_fainter_than_its_reference() -> None:
    """A reference image shows it as it mostly is, and what alerts tell are its eclipses."""
    templates = stars(6, label="EB")
    epoch = templates.curves["epoch"]
    dip = np.exp(-0.5 * (((epoch / PERIOD) % 0.5 - 0.25) / 0.04) ** 2)
    flux = (1e6 * (1.0 - 0.5 * dip)).astype(np.float32)
    templates = replace(templates, curves=replace(templates.curves, columns={**templates.curves.columns, "flux": flux}))
    made = seen(templates, packets(40), classes=("EB",))
    found = made.curves["flux"][made.curves["kind"] == Kind.DETECTION]
    assert len(found) > 10
    assert (found < 0).mean() > 0.7


def test_a_star_that_hardly_varies_raises_no_alert_and_is_counted() -> None:
    made = seen(stars(6, amplitude=0.02), packets(30, depth=1e5))
    assert len(made) == 0
    assert [(entry.reason, entry.count) for entry in made.dropped] == [("no alert in any of the donors' windows", 12)]


def test_noise_has_no_shape_and_is_counted() -> None:
    templates = stars(6)
    flux = np.random.default_rng(3).normal(1e6, 5e4, templates.curves.offsets[-1]).astype(np.float32)
    noise = replace(templates, curves=replace(templates.curves, columns={**templates.curves.columns, "flux": flux}))
    made = seen(noise, packets(30), per_class=6)
    assert [(entry.reason, entry.count) for entry in made.dropped] == [("no shape could be found", 6)]


def test_a_class_that_cannot_be_seen_again_is_refused() -> None:
    with pytest.raises(InvalidConfig, match=r"\['AGN'\] cannot be re-observed"):
        Wanted(("AGN",), 10, 1)


def test_a_transient_has_its_donors_peak_and_is_not_known_beyond_its_points() -> None:
    epoch = 55_000.0 + np.arange(0.0, 80.0, 2.0)
    rise = 1e4 * np.exp(-0.5 * ((epoch - 55_030.0) / 15.0) ** 2) + 10.0
    template = table(
        [{"object_id": "S", "epoch": np.repeat(epoch, 2), "flux": np.repeat(rise, 2), "flux_err": 50.0,
          "band": np.tile([G, R], len(epoch)), "label": "SLSN", "group": "same"}]
    )  # fmt: skip
    days = np.arange(0.0, 100.0, 3.0)
    found = 8e5 * np.exp(-0.5 * ((days - 40.0) / 30.0) ** 2) + 1e5
    donor = table(
        [{"object_id": "D", "epoch": 59_000.0 + days, "flux": found, "flux_err": 1e4, "band": R, "label": "SNIa", "group": "same"}]
    )
    made = seen(template, donor, classes=("SLSN",), per_class=3)
    assert len(made) == 3
    assert np.nanmax(made.curves["flux"]) == pytest.approx(9e5, rel=0.2)
    assert np.isnan(made.curves["total"]).all(), "nothing was there before"
    assert made.curves.lengths.max() < len(days)


@given(st.floats(0.2, 5.0), st.floats(-1e4, 1e4))
def test_a_series_repeats_after_its_period(period: float, start: float) -> None:
    series = FourierSeries(period, (0.3, 0.1), (0.0, -0.1))
    epoch = start + np.linspace(0, 1, 7) * period
    assert series.at(epoch + period) == pytest.approx(series.at(epoch), abs=1e-6)


@given(st.lists(st.floats(1.0, 100.0), min_size=8, max_size=25), st.floats(0.5, 20.0))
@settings(max_examples=30)
def test_a_local_mean_lies_between_its_points_as_the_plain_sum_says(flux: list[float], width: float) -> None:
    epoch = np.arange(float(len(flux)))
    values, error = np.array(flux), np.full(len(flux), 2.0)
    shape = Smoothed(epoch, values, error, width)
    asked = np.array([0.0, 2.5, 100.0])
    said = shape.at(asked)
    assert np.isnan(said[2]) == (100.0 - epoch[-1] > 2 * width)
    for one, value in zip(asked[:2], said[:2], strict=True):
        weights = [np.exp(-0.5 * ((one - at) / width) ** 2) / 4.0 for at in epoch]
        assert value == pytest.approx(sum(w * f for w, f in zip(weights, flux, strict=True)) / sum(weights), rel=1e-6)
    assert min(flux) - 1e-9 <= said[0] <= max(flux) + 1e-9


OTHER = Origin("other", "stars", "elsewhere", "MIT", True, "nobody 2026", "real", "none")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Supernovae of the survey itself, and a table of another survey's stars."""
    folder = tmp_path_factory.mktemp("data")
    write_bts(folder, 80)
    other = replace(stars(30), survey="other", bands=("g", "r", "i"), origins=(OTHER,))
    write_table(other, survey_of(other), folder / "other")
    return folder


WITH = parse_recipe(
    SMALL_RECIPE.replace(
        "[inputs]", '[reobserved]\nsets = ["other"]\nclasses = ["RRL"]\nper_class = 25\nseed = 1\n[inputs]'
    ).replace("SNIa = 2", "RRL = 1, SNIa = 2"),
    "here",
)


def test_reobserved_objects_train_and_are_told_from_the_others_but_never_judged(data: Path) -> None:
    examples = examples_of(WITH, read_sets(WITH, data))
    assert "RRL" in {leaf.name for leaf in examples.leaves}, "a class that only other surveys have becomes one of the model's"
    made = ~examples.first_hand
    assert set(examples.table.provenance[examples.picks.row[made]].tolist()) == {"re-observed"}
    for part in Part:
        assert (examples.of_part(WITH, part, 0) & made).any() == (part == Part.TRAIN)
    files = fitted("", WITH, examples, None, Kept(None), lambda _: None)
    sets = {entry.name: entry for entry in Manifest.of_json(files["manifest.json"]).training}
    assert "RE-OBSERVED" in sets["other"].source
    assert "re-observed: RRL." in files["card.md"].decode()


def test_reobserved_objects_do_not_calibrate_where_every_slice_does(data: Path) -> None:
    crossed = WITH.model_copy(update={"split": WITH.split.model_copy(update={"rotations": WITH.split.slices})})
    examples = examples_of(crossed, read_sets(crossed, data))
    models = grown(crossed, examples, crossed.split.rotations, Kept(None), lambda _: None)
    for found in calibrations(crossed, examples, models):
        assert found.conformal is not None
        assert np.isfinite([value for leaf in found.conformal.cells for cell in leaf for value in cell]).all()
        calibrating = {leaf.name for leaf, count in zip(found.conformal.leaves, found.conformal.objects, strict=True) if count}
        assert "SNIa" in calibrating
        assert "RRL" not in calibrating


def test_a_class_that_no_set_has_is_named(data: Path) -> None:
    wrong = WITH.model_copy(update={"reobserved": Reobserved(sets=("other",), classes=("CEP",), per_class=1, seed=1)})
    with pytest.raises(InvalidConfig, match=r"reobserved.classes: no set of \['other'\] has \['CEP'\]"):
        read_sets(wrong, data)


def test_a_comparison_scores_own_objects_alone_and_finds_the_same_again(data: Path) -> None:
    assert WITH.reobserved is not None
    comparison = Comparison(
        comparison="small", what="Does it?", base="none", rounds=5, folds=3, min_objects=3, judged_from=5,
        reobserved=WITH.reobserved,
        arms={"own": Arm(classes=()), "more": Arm(classes=("RRL",)), "alone": Arm(classes=("RRL",), alone=True)},
    )  # fmt: skip
    found = compared(comparison, WITH, data, lambda _: None)
    assert found == compared(comparison, WITH, data, lambda _: None)
    assert found["objects"]["RRL"]["own"] == 0 < found["objects"]["RRL"]["re_observed"]
    assert found["figures"]["own"]["classes"]["RRL"]["objects"] == 0
    assert set(found["differences"]) == {"more", "alone"}
    text = scores_text(found)
    assert "Told apart" in text
    assert "nan" not in text


def test_the_shipped_comparison_can_be_read_and_is_of_a_shipped_recipe() -> None:
    path = RECIPES / "re-observation.toml"
    comparison = read_comparison(path)
    assert kind_of(path).entry == "comparison"
    recipe = with_reobserved(comparison, base_of(comparison))
    wanted = Wanted(comparison.reobserved.classes, comparison.reobserved.per_class, comparison.reobserved.seed)
    assert set(wanted.classes) <= set(recipe.priors.shares)
    first = next(iter(comparison.arms.values()))
    assert (first.classes, first.alone) == ((), False)


def test_the_documented_comparison_is_the_shipped_recipes_and_says_what_was_found() -> None:
    folder = Path(__file__).parents[3] / "docs" / "benchmarks" / "re-observation"
    assert (folder / "recipe.toml").read_bytes() == (RECIPES / "re-observation.toml").read_bytes()
    evaluation = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert (folder / "report.md").read_text(encoding="utf-8") == scores_text(evaluation)


def test_few_points_have_no_shape() -> None:
    few = np.arange(5.0)
    assert folded(few, few + 1, few + 1, 2.0) is None
    assert smoothed(few, few + 1, few + 1, 2.0) is None
    assert folded(np.arange(30.0), np.ones(30), np.ones(30), np.nan) is None


@given(st.floats(2500, 9000), st.floats(300, 1000), st.floats(300, 1000))
def test_black_bodies_are_bluer_and_vary_more_in_the_blue(temperature: float, one: float, other: float) -> None:
    def planck(wavelength: float, t: float) -> float:
        return float(wavelength**-3 / np.expm1(1.438777e7 / (wavelength * t)))

    assert relative_flux(one, other, temperature) == pytest.approx(planck(one, temperature) / planck(other, temperature), rel=1e-9)
    slope = [np.log(planck(at, temperature * 1.0001) / planck(at, temperature)) for at in (one, other)]
    assert relative_amplitude(one, other, temperature) == pytest.approx(slope[0] / slope[1], rel=1e-3)


def test_natures_are_whole() -> None:
    for nature in NATURES.values():
        assert (nature.way == "transient") == (nature.temperature == 0.0)
        assert (nature.way == "periodic") == (nature.width == 0.0)
