"""The tree is a tree, and labels are understood by table only."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.classify.taxonomy import (
    CLASSES,
    LEAVES,
    NOT_CLASSIFIED,
    ROOT,
    SCHEMES,
    Class,
    ancestors,
    by_id,
    by_name,
    can_answer_together,
    class_of_label,
    leaves_below,
    parent_sums,
    parents_of,
)


def test_ids_names_and_slugs_are_unique() -> None:
    for values in ([cls.id for cls in CLASSES], [cls.name for cls in CLASSES], [cls.slug for cls in CLASSES]):
        assert len(set(values)) == len(CLASSES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.slug)
def test_every_class_hangs_from_the_root_and_can_name_a_topic(cls: Class) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cls.slug)
    assert cls == ROOT or ancestors(cls)[-1] == ROOT
    assert by_id(cls.id) is cls
    assert by_name(cls.name) is cls


def test_leaves_are_those_of_the_design() -> None:
    assert {leaf.id: leaf.name for leaf in LEAVES} == {
        2222: "SNIa", 2223: "SNIbc", 2224: "SNII", 2232: "Kilonova", 2233: "M-dwarf flare", 2234: "CV/Nova", 2235: "Microlensing",
        2242: "SLSN", 2243: "TDE", 2321: "ROT", 2322: "CEP", 2323: "RRL", 2324: "DSCT", 2325: "EB", 2326: "LPV", 2331: "YSO",
        2332: "AGN", 9110: "Isolated pulsar", 9120: "Binary pulsar", 9210: "RFI", 9220: "Noise",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("names", "allowed"),
    [
        (("Pulsar", "Not a pulsar"), True),
        (("Pulsar", "RFI", "Noise"), True),
        (("Pulsar", "Not a pulsar", "RFI"), False),
        (("Pulsar candidate", "Pulsar"), False),
        (("Pulsar", "Pulsar"), False),
        (("Pulsar",), False),
        (("Isolated pulsar", "Binary pulsar"), True),
        (("Pulsar", "Binary pulsar"), False),
        (("Pulsar", "Meta"), False),
        (("Pulsar", "NotClassified"), False),
    ],
)
def test_the_outputs_of_a_model_exclude_each_other(names: tuple[str, ...], allowed: bool) -> None:
    assert can_answer_together([by_name(name) for name in names]) == allowed


def test_not_classified_is_a_class_but_no_leaf() -> None:
    assert by_id(NOT_CLASSIFIED).name == "NotClassified"
    assert by_id(NOT_CLASSIFIED) not in LEAVES


def test_ancestors_go_from_near_to_far() -> None:
    assert [cls.name for cls in ancestors(by_name("SNIa"))] == ["SN-like", "Non-recurring", "Variable", "Meta"]
    assert ancestors(ROOT) == ()


def test_leaves_below_an_inner_class_and_a_leaf() -> None:
    assert [leaf.name for leaf in leaves_below(by_name("Non-periodic"))] == ["YSO", "AGN"]
    assert leaves_below(by_name("AGN")) == (by_name("AGN"),)
    assert leaves_below(ROOT) == LEAVES
    assert leaves_below(by_id(NOT_CLASSIFIED)) == ()


@given(leaves=st.lists(st.sampled_from(LEAVES), min_size=1, unique=True))
def test_parents_are_the_sums_of_their_leaves(leaves: list[Class]) -> None:
    probabilities = np.random.default_rng(1).dirichlet(np.ones(len(leaves)))
    parents = parents_of(leaves)
    [sums] = parent_sums(leaves, probabilities[None])
    assert parents[0] == ROOT
    for parent, found in zip(parents, sums, strict=True):
        below = leaves_below(parent)
        assert found == pytest.approx(sum(p for leaf, p in zip(leaves, probabilities, strict=True) if leaf in below))
    assert set(parents) == {cls for leaf in leaves for cls in ancestors(leaf)}


@given(n=st.integers(1, 40), seed=st.integers(0, 100))
def test_an_alert_gets_the_same_sums_to_the_bit_in_every_batch(n: int, seed: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(len(LEAVES)), n)
    together = parent_sums(LEAVES, probabilities)
    alone = [parent_sums(LEAVES, probabilities[i : i + 1])[0] for i in range(n)]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(
    ("label", "scheme", "name"),
    [
        ("SN Ia-91T-like", "tns", "SNIa"), ("SN IIb", "tns", "SNII"), ("SNIIb", "alerce", "SNIbc"), ("SN*", "simbad", "SN-like"),
        ("QSO", "alerce", "AGN"), ("Seyfert_1", "simbad", "AGN"), ("BLLac", "simbad", "AGN"), ("RRAB", "vsx", "RRL"),
        ("RRLyr", "simbad", "RRL"), ("EB/EW", "alerce", "EB"), ("EclBin", "simbad", "EB"), ("M", "vsx", "LPV"),
        ("Mira", "simbad", "LPV"), ("UGSU", "vsx", "CV/Nova"), ("CataclyV*", "simbad", "CV/Nova"), ("delSctV*", "simbad", "DSCT"),
        ("Orion_V*", "simbad", "YSO"), ("RS*", "simbad", "ROT"), ("DCEP", "vsx", "CEP"), (" TDE ", "tns", "TDE"),
    ],
)  # fmt: skip
def test_labels_of_other_catalogues(label: str, scheme: str, name: str) -> None:
    found = class_of_label(label, scheme)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("label", ["", "SN Ia?", "QSO_Candidate", "Star", "M*", "sn ia", "Galaxy", "SN I", "EB:"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_unknown_labels_mean_nothing(label: str, scheme: str) -> None:
    assert class_of_label(label, scheme) is None


def test_no_label_means_two_things_in_one_scheme() -> None:
    labels = [(scheme, label) for cls in CLASSES for scheme, names in cls.aliases.items() for label in names]
    assert len(set(labels)) == len(labels)
    assert {scheme for scheme, _ in labels} == set(SCHEMES)


def test_an_unknown_scheme_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="alerce"):
        class_of_label("QSO", "gaia")
