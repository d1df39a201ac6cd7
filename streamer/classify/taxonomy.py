"""The tree of classes: ids that never change, and what other catalogues call the same things.

Ids are ELAsTiCC's where ELAsTiCC has the class; ours (2231–2235, 2321–2332) fill its gaps. The probability of an inner class is the
sum of its leaves'. Pulsar candidates are another kind of thing and have a branch of their own (9000–9999, which ELAsTiCC does not
use): no optical model answers with its classes, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from streamer.data.arrays import Float64s

SCHEMES = ("alerce", "tns", "simbad", "vsx")
"""Vocabularies whose labels :func:`class_of_label` understands."""


@dataclass(frozen=True, slots=True)
class Class:
    """One class of the taxonomy.

    Parameters
    ----------
    id : int
        Never reused for another meaning.
    name : str
        As people write it.
    slug : str
        The name in ``[a-z0-9-]``, for topics.
    parent : int or None
        Id of the class above; None for the root.
    aliases : mapping of scheme to labels
        What other vocabularies call it, exactly as they write it.
    """

    id: int
    name: str
    slug: str
    parent: int | None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}), compare=False, repr=False)


def _aliases(**labels: str) -> Mapping[str, tuple[str, ...]]:
    """Labels by scheme, written separated by ``|``."""
    return MappingProxyType({scheme: tuple(text.split("|")) for scheme, text in labels.items()})


NOT_CLASSIFIED = 300
"""Id of the class that answers where no answer is given."""

CLASSES: tuple[Class, ...] = (
    Class(0, "Meta", "meta", None),
    Class(300, "NotClassified", "not-classified", 0),
    Class(2000, "Variable", "variable", 0),
    Class(2200, "Non-recurring", "non-recurring", 2000),
    Class(2220, "SN-like", "sn-like", 2200, _aliases(simbad="SN*|SN|Supernova", vsx="SN", tns="SN")),
    Class(
        2222,
        "SNIa",
        "sn-ia",
        2220,
        _aliases(
            alerce="SNIa",
            tns="SN Ia|SN Ia-91T|SN Ia-91T-like|SN Ia-91bg|SN Ia-91bg-like|"
            "SN Ia-CSM|SN Ia-pec|SN Ia-SC|SN Iax[02cx-like]|SN Iax|SN Ia-Ca-rich",
            vsx="SN Ia|SNIa",
        ),
    ),
    Class(
        2223,
        "SNIbc",
        "sn-ibc",
        2220,
        _aliases(
            alerce="SNIbc|SNIIb",
            tns="SN Ib|SN Ic|SN Ib/c|SN Ic-BL|SN Ibn|SN Icn|SN Ib-pec|SN Ic-pec|SN Ib-Ca-rich|SN Ic-Ca-rich|SN Ibn/Icn",
            vsx="SN Ib|SN Ic",
        ),
    ),
    Class(
        2224,
        "SNII",
        "sn-ii",
        2220,
        _aliases(
            alerce="SNII|SNIIn",
            tns="SN II|SN IIP|SN IIL|SN IIn|SN IIb|SN II-pec|SN IIn-pec",
            vsx="SN II|SN IIP|SN IIL|SN IIn",
        ),
    ),
    Class(2230, "Fast", "fast", 2200),
    Class(2232, "Kilonova", "kilonova", 2230, _aliases(tns="Kilonova")),
    Class(2233, "M-dwarf flare", "m-dwarf-flare", 2230, _aliases(tns="M dwarf", simbad="Fl*|Flare*", vsx="UV")),
    Class(
        2234,
        "CV/Nova",
        "cv-nova",
        2230,
        _aliases(
            alerce="CV/Nova",
            tns="CV|Nova|nova",
            simbad="CV*|CataclyV*|No*|Nova|DwarfNova|DNe",
            vsx="CV|UG|UGSS|UGSU|UGZ|UGWZ|UGER|N|NA|NB|NC|NR|NL|AM|DQ|UGSU+E|UG+E|NL+E|UG/DQ|UGZ/IW+VY",
        ),
    ),
    Class(2235, "Microlensing", "microlensing", 2230, _aliases(tns="Microlensing", alerce="Microlensing", vsx="Microlens")),
    Class(2240, "Long", "long", 2200),
    Class(2242, "SLSN", "slsn", 2240, _aliases(alerce="SLSN", tns="SLSN-I|SLSN-II|SLSN-R|SLSN")),
    Class(2243, "TDE", "tde", 2240, _aliases(alerce="TDE", tns="TDE|TDE-H|TDE-He|TDE-H-He|TDE-featureless")),
    Class(2300, "Recurring", "recurring", 2000),
    Class(2320, "Periodic", "periodic", 2300),
    Class(
        2321,
        "ROT",
        "rot",
        2320,
        _aliases(
            alerce="RSCVn|Periodic-Other",
            simbad="RS*|RSCVnV*|RSCVn|RotV*|RotV|Ro*|BY*|BYDraV*|BYDra",
            vsx="ROT|RS|BY|SXARI|ACV|ELL",
        ),
    ),
    Class(
        2322,
        "CEP",
        "cep",
        2320,
        _aliases(
            alerce="CEP",
            simbad="Ce*|cC*|Cepheid|ClassicalCep|deltaCep|WV*|WVirV*|Type2Cep",
            vsx="CEP|DCEP|DCEPS|CW|CWA|CWB|DCEP(B)|ACEP|RV|RVA|RVB",
        ),
    ),
    Class(
        2323,
        "RRL",
        "rrl",
        2320,
        _aliases(alerce="RRL|RRLab|RRLc", simbad="RR*|RRLyr|RRLyrae", vsx="RR|RRAB|RRAB/BL|RRC|RRC/BL|RRD|RR(B)"),
    ),
    Class(
        2324,
        "DSCT",
        "dsct",
        2320,
        _aliases(alerce="DSCT", simbad="dS*|delSctV*|delSct|SX*|SXPheV*", vsx="DSCT|DSCTC|HADS|HADS(B)|SXPHE|SXPHE(B)"),
    ),
    Class(
        2325,
        "EB",
        "eb",
        2320,
        _aliases(
            alerce="EA|EB/EW|EB|E",
            simbad="EB*|EclBin|Al*|bL*|WU*|EB*Algol|EB*betLyr|EB*WUMa",
            vsx="E|EA|EB|EW|EC|ED|ESD|EA/SD|EA/DM|EA/HW|EW/KW|EW/KE|EB/KE",
        ),
    ),
    Class(
        2326,
        "LPV",
        "lpv",
        2320,
        _aliases(alerce="LPV", simbad="LP*|LPV*|Mi*|Mira|LongPeriodV*", vsx="M|SR|SRA|SRB|SRC|SRD|SRS|L|LB|LC|OSARG|LPV"),
    ),
    Class(2330, "Non-periodic", "non-periodic", 2300),
    Class(
        2331,
        "YSO",
        "yso",
        2330,
        _aliases(
            alerce="YSO",
            tns="YSO|FU Ori",
            simbad="Y*O|YSO|TT*|TTau*|TTauri*|Or*|Orion_V*|OrionV*|Y*?|Ae*|HerbigAe/Be|FUOr",
            vsx="YSO|TTS|CTTS|WTTS|INT|INS|INST|INSA|INSB|IN|INA|INB|FUOR|EXOR|UXOR|CST/YSO|YSO/ROT|TTS/ROT",
        ),
    ),
    Class(
        2332,
        "AGN",
        "agn",
        2330,
        _aliases(
            alerce="QSO|AGN|Blazar",
            tns="AGN|QSO|Blazar",
            simbad="QSO|AGN|Sy1|Sy2|SyG|Seyfert|Seyfert_1|Seyfert_2|Seyfert1|Seyfert2|BLL|BLLac|Bla|Blazar|LIN|LINER|rG|RadioG",
            vsx="AGN|QSO|BLLAC|BLLac",
        ),
    ),
    Class(9000, "Pulsar candidate", "pulsar-candidate", 0),
    Class(9100, "Pulsar", "pulsar", 9000),
    Class(9110, "Isolated pulsar", "isolated-pulsar", 9100),
    Class(9120, "Binary pulsar", "binary-pulsar", 9100),
    Class(9200, "Not a pulsar", "not-a-pulsar", 9000),
    Class(9210, "RFI", "rfi", 9200),
    Class(9220, "Noise", "noise", 9200),
)

_BY_ID = MappingProxyType({cls.id: cls for cls in CLASSES})
_BY_NAME = MappingProxyType({cls.name: cls for cls in CLASSES})
_BY_LABEL = MappingProxyType(
    {(scheme, label): cls for cls in CLASSES for scheme, labels in cls.aliases.items() for label in labels}
)
ROOT = _BY_ID[0]


def by_id(number: int) -> Class:
    """The class with this id; KeyError if there is none."""
    return _BY_ID[number]


def by_name(name: str) -> Class:
    """The class with exactly this name; KeyError if there is none."""
    return _BY_NAME[name]


def class_of_label(label: str, scheme: str) -> Class | None:
    """The class that a vocabulary's label means, a leaf or, for a weak label, an inner class; None if it is not in the table.

    Parameters
    ----------
    label : str
        Compared whole and with its case (VSX ``M`` and SIMBAD ``M*`` are different things); white space around it is ignored.
    scheme : str
        One of :data:`SCHEMES`; ValueError otherwise.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"no label scheme {scheme!r}; known are {', '.join(SCHEMES)}")
    return _BY_LABEL.get((scheme, label.strip()))


def ancestors(cls: Class) -> tuple[Class, ...]:
    """The classes above, nearest first, the root last; empty for the root."""
    above = []
    while cls.parent is not None:
        cls = _BY_ID[cls.parent]
        above.append(cls)
    return tuple(above)


def leaves_below(cls: Class) -> tuple[Class, ...]:
    """The leaves under a class in the order of :data:`CLASSES`; a leaf gives itself. NotClassified is no leaf."""
    return tuple(leaf for leaf in LEAVES if leaf == cls or cls in ancestors(leaf))


def parents_of(leaves: Sequence[Class]) -> tuple[Class, ...]:
    """The inner classes above any of `leaves`, the root first, then in the order of :data:`CLASSES`."""
    return tuple(parent for parent, _ in _families(tuple(leaf.id for leaf in leaves)))


@lru_cache(maxsize=64)
def _families(leaves: tuple[int, ...]) -> tuple[tuple[Class, tuple[int, ...]], ...]:
    """Each inner class with the places of the leaves below it; asked for every batch, with the same few models' leaves."""
    above = [ancestors(by_id(leaf)) for leaf in leaves]
    places = ((cls, tuple(place for place, parents in enumerate(above) if cls in parents)) for cls in CLASSES)
    return tuple((cls, below) for cls, below in places if below)


def can_answer_together(classes: Sequence[Class]) -> bool:
    """Whether a model may have these as its outputs: two or more different classes, none above another, no root, no NotClassified.

    An inner class is one where the labels say no more: of candidates that are no pulsars nobody wrote down what they are.
    """
    different = len(classes) >= 2 and len(set(classes)) == len(classes)
    above = {each for cls in classes for each in ancestors(cls)} | {ROOT, by_id(NOT_CLASSIFIED)}
    return different and not above & set(classes)


def parent_sums(leaves: Sequence[Class], probabilities: Float64s) -> Float64s:
    """float64[n, len(parents_of(leaves))], the parents' probabilities from those of the leaves, float64[n, len(leaves)].

    Added leaf by leaf: a matrix product rounds differently in batches of different sizes, and an alert's answer must not depend
    on what else is in its batch.
    """
    columns = np.ascontiguousarray(probabilities.T)
    families = _families(tuple(leaf.id for leaf in leaves))
    sums = np.zeros((len(families), len(probabilities)))
    for number, (_, places) in enumerate(families):
        for place in places:
            sums[number] += columns[place]
    return sums.T


_INNER = frozenset(cls.parent for cls in CLASSES)
LEAVES = tuple(cls for cls in CLASSES if cls.id not in _INNER and cls.id != NOT_CLASSIFIED)
"""The classes with none below them."""
