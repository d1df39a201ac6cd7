import pytest

from streamer.classify import taxonomy
from streamer.training.labels import COARSE, COARSE_PROVENANCE, NO_LEAF, PLASTICC, TNS_NO_LEAF, Provenance, leaf_of_tns

LEAVES = {leaf.name for leaf in taxonomy.LEAVES}


@pytest.mark.parametrize("table", [COARSE, PLASTICC], ids=["coarse", "plasticc"])
def test_tables_name_leaves_of_the_taxonomy_or_none(table: dict[object, str]) -> None:
    assert set(table.values()) <= LEAVES | {NO_LEAF}


@pytest.mark.parametrize(
    ("label", "leaf"),
    [("SN Ia-91T", "SNIa"), ("SN Ic-BL", "SNIbc"), ("SN IIb", "SNII"), ("SLSN-II", "SLSN"), ("nova", "CV/Nova"), ("TDE", "TDE")],
)
def test_types_of_the_transient_name_server_become_leaves(label: str, leaf: str) -> None:
    assert leaf_of_tns(label) == leaf


@pytest.mark.parametrize("label", ["SN", "SN Ia?", "Ia", "sn ia", "", *sorted(TNS_NO_LEAF)])
def test_unknown_and_weak_types_give_no_label(label: str) -> None:
    assert leaf_of_tns(label) == NO_LEAF


def test_subtypes_of_plasticc_are_counted_with_their_leaf() -> None:
    assert [PLASTICC[code] for code in (90, 67, 52)] == ["SNIa"] * 3


def test_every_source_of_a_summary_label_has_a_provenance() -> None:
    assert set(COARSE_PROVENANCE.values()) <= set(Provenance)
