"""Some test objects looked at one by one, with what a subscriber would see of them: light curve, answer and reasons.

Figures say how often a model is right; a person wants to see what it was shown, what it said, and why. The objects are drawn by a
rule, never chosen, and the model that answers is the shipped one, which saw none of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from streamer.classify import taxonomy
from streamer.classify.bundle import LightGBMClassifier
from streamer.data.arrays import Int64s
from streamer.data.batch import AlertBatch, State
from streamer.data.photometry import Kind, codes_of_bands
from streamer.pipeline import Scored
from streamer.training.evaluate import packet_sets, served
from streamer.training.fit import Examples
from streamer.training.labels import Provenance
from streamer.training.markdown import Tree, table
from streamer.training.metrics import Figures
from streamer.training.packets import PacketSet, labelled_alerts
from streamer.training.recipe import Recipe
from streamer.training.split import Part, random_number
from streamer.training.windows import Picks, alerts_of

MOST = 20
"""Objects that are looked at."""
REASONS = 3
"""Reasons that are told of each."""
RIGHT, PARENT, WRONG, NOTHING = "right", "only a parent", "wrong", "no answer"
OUTCOMES = (RIGHT, PARENT, WRONG, NOTHING)
"""What an answer may be: the class itself; a class above it; another class, or one above others only; none."""
_RULE = (
    "Of {objects} test objects, which the shipped model never saw, one random alert each was answered: {counts}. {drawn} of them "
    "were drawn, not chosen: the four kinds of answer take turns, and each takes the object of a class that was shown least so "
    "far, in the order of a hash of its name. So there are as many wrong answers as right ones here, as far as there are any: the "
    "picture shows how the model errs, not how often."
)
_PACKETS = " Before them stand the {packets} objects of labelled real packets, each with its latest alert."
_SIMULATED = " **The drawn ones are simulated.**"
_ALL_SIMULATED = " **All of them are simulated.**"
FIGURE = "objects"
"""Name of the figure's files."""
_LEGEND = (
    "Difference photometry up to the alert, which is day 0: *mag* is the AB magnitude of the difference flux, *µJy* that flux "
    "itself where it is not always positive. Filled symbols are detections, small circles forced photometry of visits without "
    "one, open triangles limits (five sigma): these two are drawn where the data have them, whether or not the model reads them. "
    "The axes follow the detections; what lies far from all of them is not shown. The answer is green if it is the class, blue if "
    "it is a class above it, red if it is wrong."
)


def looked_at(
    recipe: Recipe, examples: Examples, classifier: LightGBMClassifier, explaining: LightGBMClassifier, data: Path | None
) -> Figures:
    """Up to ``MOST`` objects with their light curves, answers and reasons; JSON-able.

    Parameters
    ----------
    recipe : Recipe
    examples : Examples
    classifier, explaining : LightGBMClassifier
        The shipped model, without and with reasons: these cost hundreds of times what the answers do.
    data : Path or None
        Where the labelled packets are that the recipe is tried on; None tries none.
    """
    sets = [] if data is None else packet_sets(recipe)
    packets = [row for packets in sets for row in of_packets(packets, explaining, data or Path())][:MOST]
    among = examples.of_part(recipe, Part.TEST, 0) & (examples.n_detections >= recipe.min_detections)
    answers = served(classifier, examples, among)
    alerts = examples.one_each(among, recipe.seed)
    truth = [examples.leaves[place] for place in examples.truth[examples.picks.row[alerts]].tolist()]
    outcomes = [
        outcome(leaf, int(state), int(named))
        for leaf, state, named in zip(truth, answers.state[alerts], answers.class_id[alerts], strict=True)
    ]
    names = examples.table.object_id[examples.picks.row[alerts]].tolist()
    places = drawn(outcomes, [leaf.name for leaf in truth], names, recipe.seed, MOST - len(packets))
    return {
        "objects": len(alerts),
        "outcomes": {kind: outcomes.count(kind) for kind in OUTCOMES},
        "from_packets": len(packets),
        "rows": [*packets, *_of_table(recipe, examples, explaining, alerts[places])],
    }


def outcome(truth: taxonomy.Class, state: int, class_id: int) -> str:
    """Which of ``OUTCOMES`` an answer is."""
    if state == State.NOT_CLASSIFIED:
        return NOTHING
    if class_id == truth.id:
        return RIGHT
    return PARENT if class_id in {above.id for above in taxonomy.ancestors(truth)} else WRONG


def drawn(outcomes: Sequence[str], truth: Sequence[str], names: Sequence[str], seed: int, most: int) -> list[int]:
    """Places of the objects to look at: kinds of answers take turns, then the class shown least, then a hash of the name."""
    order = sorted(range(len(names)), key=lambda place: random_number(seed, f"looked at: {names[place]}"))
    left = {kind: [place for place in order if outcomes[place] == kind] for kind in OUTCOMES}
    shown: Counter[str] = Counter()
    chosen: list[int] = []
    while len(chosen) < most and any(left.values()):
        for kind in OUTCOMES:
            if left[kind] and len(chosen) < most:
                place = min(left[kind], key=lambda one: shown[truth[one]])
                left[kind].remove(place)
                shown[truth[place]] += 1
                chosen.append(place)
    return sorted(chosen, key=lambda place: OUTCOMES.index(outcomes[place]))  # stable: within a kind as they were drawn


def _of_table(recipe: Recipe, examples: Examples, model: LightGBMClassifier, alerts: Int64s) -> Iterator[Figures]:
    """A row for each of the given alerts of the examples."""
    row = examples.picks.row[alerts]
    seen = alerts_of(examples.table, Picks(row, examples.picks.point[alerts]), recipe.view, "all")
    scored = Scored(seen, model.scores(examples.matrix[alerts], examples.n_detections[alerts]), model)
    for i, place in enumerate(row.tolist()):
        simulated = examples.table.provenance[place] == Provenance.SIMULATED
        facts: Figures = {
            "set": str(examples.table.source[place]),
            "nature": "simulated" if simulated else "real",
            "borrowed": bool(examples.borrowed[place]),
        }
        yield facts | _told(scored, i, examples.leaves[examples.truth[place]], model)


def of_packets(packets: PacketSet, model: LightGBMClassifier, data: Path) -> Iterator[Figures]:
    """A row for the latest alert of each object in a set of labelled packets."""
    latest: dict[bytes, tuple[Scored, int, taxonomy.Class]] = {}
    for scored, i, truth in labelled_alerts(packets, model, data):
        name = scored.alerts.object_id[i]
        if name not in latest or scored.alerts.epoch[i] > latest[name][0].alerts.epoch[latest[name][1]]:
            latest[name] = scored, i, truth
    for _, (scored, i, truth) in sorted(latest.items(), key=lambda item: item[0]):
        yield {"set": packets.origin.name, "nature": packets.origin.nature} | _told(scored, i, truth, model)


def _told(scored: Scored, i: int, truth: taxonomy.Class, model: LightGBMClassifier) -> Figures:
    """What a tag says of the i-th alert, in words, with its light curve."""
    alerts, scores = scored.alerts, scored.scores
    probability = {leaf.name: float(value) for leaf, value in zip(model.leaves, scores.leaves[i].tolist(), strict=True)}
    kind = outcome(truth, int(scores.state[i]), int(scores.class_id[i]))
    named = max(probability, key=lambda name: probability[name])
    if kind != NOTHING:
        named = taxonomy.by_id(int(scores.class_id[i])).name
    share = sum(probability.get(leaf.name, 0.0) for leaf in taxonomy.leaves_below(taxonomy.by_name(named)))
    curve = alerts.light_curves.row(i)
    return {
        "object": alerts.object_id[i].decode(),
        "class": truth.name,
        "detections": int(np.count_nonzero(curve["kind"] == Kind.DETECTION)),
        "outcome": kind,
        "named": named,
        "probability": round(share, 4) if np.isfinite(share) else None,
        "state": State(int(scores.state[i])).name,
        "reason": scores.why[i].value,
        "possible": None
        if scores.possible is None
        else [leaf.name for leaf, inside in zip(model.leaves, scores.possible[i].tolist(), strict=True) if inside],
        "novelty": None if scores.novelty is None or np.isnan(scores.novelty[i]) else round(float(scores.novelty[i]), 3),
        "reasons": [f"{one.text} ({one.contribution:+.2f})" for one in scores.reasons.get(i, ())[:REASONS]],
        "points": _points(alerts, i),
    }


def _points(alerts: AlertBatch, i: int) -> dict[str, str]:
    """The points of a light curve, a column of numbers in a line: days from the alert, band, difference flux and error (nJy), kind.

    Of a visit with a detection, its forced photometry is not among them.
    """
    curve = alerts.light_curves.row(i)
    name = dict(zip(codes_of_bands(alerts.bands), alerts.bands, strict=True))
    visit = list(zip(curve["epoch"].tolist(), curve["band"].tolist(), strict=True))
    detected = {one for one, kind in zip(visit, curve["kind"].tolist(), strict=True) if kind == Kind.DETECTION}
    again = np.array([one in detected for one in visit], dtype=np.bool_) & (curve["kind"] == Kind.FORCED)
    kept = np.isfinite(curve["epoch"]) & ~again
    return {
        "days": " ".join(f"{value:.3f}" for value in (curve["epoch"][kept] - alerts.epoch[i]).tolist()),
        "band": " ".join(name[code] for code in curve["band"][kept].tolist()),
        "flux": " ".join(f"{value:.4g}" for value in curve["flux"][kept].tolist()),
        "flux_err": " ".join(f"{value:.3g}" for value in curve["flux_err"][kept].tolist()),
        "kind": " ".join(map(str, curve["kind"][kept].tolist())),
    }


def section(evaluation: Tree) -> list[str]:
    """The part of the report, Markdown; nothing for an evaluation without looked-at objects."""
    found = evaluation.get("looked_at")
    if not found:
        return []
    rows = found["rows"]
    counts = ", ".join(f"{kind} {count}" for kind, count in found["outcomes"].items())
    text = _RULE.format(objects=found["objects"], counts=counts, drawn=len(rows) - found["from_packets"])
    if found["from_packets"]:
        text += _PACKETS.format(packets=found["from_packets"])
    if any(row["nature"] == "simulated" for row in rows):
        text += _SIMULATED if found["from_packets"] else _ALL_SIMULATED
    head = (
        "",
        "object",
        "true class",
        "detections",
        "answer",
        "state",
        "conformal set",
        "novelty",
        "weightiest inputs, and what each adds to the raw score",
    )
    return [
        "## Objects looked at",
        text,
        f"![Light curves]({FIGURE}.png)",
        _LEGEND,
        table(head, [_line(number, row) for number, row in enumerate(rows, 1)]),
    ]


def _line(number: int, row: Tree) -> tuple[str, ...]:
    share = "–" if row["probability"] is None else f"{row['probability']:.2f}"
    answer = f"{row['named']} {share}" if row["outcome"] != NOTHING else f"none (most probable: {row['named']} {share})"
    remarks = [row["nature"]] * (row["nature"] != "real") + ["borrowed context"] * row.get("borrowed", False)
    reason = "" if row["reason"] == "NONE" else f", {row['reason']}"
    return (
        str(number),
        row["object"] + (f" ({', '.join(remarks)})" if remarks else ""),
        row["class"],
        str(row["detections"]),
        f"{answer}: **{row['outcome']}**" if row["outcome"] in (RIGHT, WRONG) else answer,
        f"{row['state']}{reason}",
        "–" if row["possible"] is None else ", ".join(row["possible"]) or "none",
        "–" if row["novelty"] is None else f"{row['novelty']:.2f}",
        "; ".join(row["reasons"]) or "–",
    )
