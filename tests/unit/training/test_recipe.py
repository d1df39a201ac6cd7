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
        ("seed = 5", "sed = 5", r"here: seed: Field required; here: sed is no setting of a recipe; there are name, version"),
        ("slices = 4", "slices = 3", "here: split.slices: Input should be greater than or equal to 4"),
        ("rounds = 12", "round = 12", "here: trees.round is no setting of a recipe; there are rounds, patience"),
        ('survey = "ztf"', 'survey = "Gaia"', "here: survey: String should match pattern"),
        ('survey = "ztf"', 'survey = "ztf"\nview = "past"', "here: view: Input should be 'stream' or 'history'"),
        ("SNIa = 2", "SNIa = -2", "here: priors.shares.SNIa: Input should be greater than 0"),
        ("[trees]", "[trees", "here: not TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(old: str, new: str, message: str) -> None:
    with pytest.raises(InvalidConfig, match=message):
        parse_recipe(SMALL_RECIPE.replace(old, new), "here")
