import pytest

from streamer.errors import InvalidConfig
from streamer.training.recipe import RECIPES, parse_recipe, read_recipe
from tests.unit.training.tables import SMALL_RECIPE


@pytest.mark.parametrize("name", ["variability-ztf", "variability-lsst"])
def test_shipped_recipes_are_valid_and_named_like_their_files(name: str) -> None:
    _, recipe = read_recipe(RECIPES / f"{name}.toml")
    assert recipe.name == name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "seed = 5",
            "sed = 5",
            r"seed \(here\): is missing; .*\nsed \(here\): there is .* did you mean seed\? allowed here: name, version",
        ),
        ("slices = 4", "slices = 3", r"split\.slices \(here\): 3 is wrong: must be greater than or equal to 4"),
        ("rounds = 12", "round = 12", r"trees\.round \(here\): .* did you mean trees\.rounds\? allowed here: rounds, patience"),
        ('survey = "ztf"', 'survey = "Gaia"', r"survey \(here\): 'Gaia' is not allowed; allowed: small letters"),
        ('survey = "ztf"', 'survey = "ztf"\nview = "past"', r"view \(here\): 'past' is not allowed; allowed: 'stream', 'history'"),
        ("SNIa = 2", "SNIa = -2", r"priors\.shares\.SNIa \(here\): -2 is wrong: must be greater than 0"),
        ("[trees]", "[trees", "here: not TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(old: str, new: str, message: str) -> None:
    with pytest.raises(InvalidConfig, match=message):
        parse_recipe(SMALL_RECIPE.replace(old, new), "here")
