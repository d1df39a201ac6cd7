"""Each measure gives what it promises, on the smallest input; no figure is judged."""

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient
from rich.table import Table as RichTable

from streamer.bench import quote
from streamer.bench.child import Timeline
from streamer.bench.measures.kafka import KEYS as KAFKA_KEYS
from streamer.bench.measures.kafka import Amounts, Rates, measure
from streamer.bench.models import model_for
from streamer.bench.packets import SURVEYS, sample
from streamer.bench.result import NOT_ASKED, Measured, Table
from streamer.bench.run import MEASURES, Request, run
from streamer.bench.show import renderables, write_plots
from streamer.bench.targets import OTHER_KEYS, TARGETS, losses, record
from streamer.bench.turns import Turns, in_turn
from streamer.cli import main
from streamer.commands.bench import bench
from streamer.errors import InvalidData
from tests.kafka_fixtures import Kafka
from tests.unit.bench.sizes import TINY

KEYS = {
    "decode_ratio_ztf", "decode_ratio_lsst", "forest_ratio", "forest_identical", "pipeline_over_naive", "pipeline_over_good",
    "candidates_over_good", "candidates_per_s", "worker_cpu_over_bare", "tags_per_s", "whole_packets_per_s", "lsst_tags_per_s",
    "candidate_tags_per_s",
    "latency_p99_s", "rss_mb_start", "rss_mb_end",
}  # fmt: skip
README = Path(__file__).parents[3] / "README.md"
SIMULATED = {"packets": {"ztf": "simulated", "lsst": "simulated"}}


@pytest.fixture(scope="module")
def found() -> Measured:
    return run(Request(None, None, (), TINY), lambda _name: None)[0]


def test_every_key_is_there_and_what_is_missing_has_a_reason(found: Measured) -> None:
    assert set(found.values) >= KEYS
    missing = {key for key, value in found.values.items() if value is None}
    assert missing == {*KAFKA_KEYS, "start_cold_s"} == set(found.missing)
    assert "no Kafka" in found.missing["tags_per_s"]


def test_every_measured_figure_is_a_positive_number(found: Measured) -> None:
    numbers = [value for value in found.values.values() if value is not None]
    assert all(math.isfinite(value) and value > 0 for value in numbers)
    assert found.values["forest_identical"] is True


def test_every_figure_has_its_table(found: Measured) -> None:
    names = {"decode", "forest", "pipeline", "candidates", "output", "history", "batch", "start", "memory"}
    assert names == set(found.tables)
    for table in found.tables.values():
        assert table.rows
        assert table.note
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_it_can_be_written_as_json_told_and_drawn(found: Measured, tmp_path: Path) -> None:
    again = json.loads(json.dumps(found.as_object(), allow_nan=False))
    assert set(again) >= KEYS | {"missing", "tables"}
    assert len(list(renderables(found))) == 2 * len(found.tables) + 1
    write_plots(found, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"history.png", "batch.png"}


def keys_told(found: Measured) -> set[str]:
    """Keys that stand in the table of figures and targets."""
    *_, table = renderables(found)
    assert isinstance(table, RichTable)
    return set(map(str, table.columns[0].cells))


def test_only_what_is_asked_for_is_measured() -> None:
    found, conditions = run(Request(None, None, ("decode",), TINY), lambda _name: None)
    assert set(found.tables) == {"decode"}
    assert found.missing["forest_ratio"] == "not asked for"
    assert keys_told(found) == {key for key in KEYS if key.startswith("decode_")}
    assert conditions["packets"] == SIMULATED["packets"]


def test_a_measure_without_targets_has_no_table_of_them() -> None:
    (table,) = renderables(Measured.without(("decode_ratio_ztf", "latency_p50_s"), "no Kafka"))
    assert isinstance(table, RichTable)
    assert list(renderables(Measured.without([target.key for target in TARGETS] + list(OTHER_KEYS), NOT_ASKED))) == []


def test_the_command_writes_one_object_and_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = Request(None, None, ("decode",), TINY)
    assert bench(request, tmp_path / "out", as_json=True, check=False, keep=False)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == json.loads((tmp_path / "out" / "bench.json").read_text())


def test_an_unknown_measure_is_refused() -> None:
    said = CliRunner().invoke(main, ["bench", "--only", "nothing"])
    assert said.exit_code == 2
    assert "no measure nothing; there are decode" in said.output


def test_a_loss_of_more_than_a_quarter_is_told_and_a_smaller_one_is_not(tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.json"
    record(Measured({"decode_ratio_ztf": 100.0, "worker_cpu_over_bare": 3.0, "tags_per_s": 9000.0}), SIMULATED, recorded)
    assert not list(
        losses(Measured({"decode_ratio_ztf": 76.0, "worker_cpu_over_bare": 3.9, "tags_per_s": 1.0}), SIMULATED, recorded)
    )
    worse = list(losses(Measured({"decode_ratio_ztf": 74.0, "worker_cpu_over_bare": 4.1}), SIMULATED, recorded))
    assert [line.partition(":")[0] for line in worse] == ["decode_ratio_ztf", "worker_cpu_over_bare"]


def test_ratios_on_other_packets_are_not_compared_and_differing_bits_always_are(tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.json"
    record(Measured({"decode_ratio_ztf": 100.0}), SIMULATED, recorded)
    real = {"packets": {"ztf": "real", "lsst": "real"}}
    assert not list(losses(Measured({"decode_ratio_ztf": 1.0, "forest_identical": True}), real, recorded))
    assert list(losses(Measured({"forest_identical": False}), real, recorded))


def test_a_record_of_part_of_the_measures_keeps_the_others(tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.json"
    record(Measured({"decode_ratio_ztf": 100.0}), SIMULATED, recorded)
    record(Measured({"forest_ratio": 30.0, "decode_ratio_ztf": None}), SIMULATED, recorded)
    assert json.loads(recorded.read_text())["figures"] == {"decode_ratio_ztf": 100.0, "forest_ratio": 30.0}


def test_memory_over_fewer_alerts_does_not_replace_that_over_more(tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.json"
    long = {"rss_mb_start": 500.0, "rss_mb_end": 510.0, "memory_alerts": 1_000_000}
    record(Measured(long), SIMULATED, recorded)
    record(Measured({"rss_mb_start": 1.0, "rss_mb_end": 1.0, "memory_alerts": 50_000, "tags_per_s": 9e3}), SIMULATED, recorded)
    assert json.loads(recorded.read_text())["figures"] == {**long, "tags_per_s": 9e3}


def test_the_readme_quotes_what_was_recorded_and_nothing_else() -> None:
    text = README.read_text()
    assert quote.with_quote(text) == text


def test_a_quote_without_a_record_or_a_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="nothing was recorded"):
        quote.with_quote("", tmp_path / "recorded.json")
    with pytest.raises(InvalidData, match="no place for the figures"):
        quote.with_quote("a text without marks")


def test_a_quote_has_a_row_for_each_target_and_says_which_are_missed(tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.json"
    record(Measured({"decode_ratio_ztf": 120.04, "tags_per_s": 9000.4}), {**SIMULATED, "cores": 2}, recorded)
    quoted = quote.with_quote(f"before\n{quote.BEGIN}\nold\n{quote.END}\nafter\n", recorded)
    assert quoted.startswith(f"before\n{quote.BEGIN}\n")
    assert quoted.endswith(f"{quote.END}\nafter\n")
    assert "| 120 | ≥ 100 |" in quoted
    assert "| 9,000 (missed) | ≥ 10,000 |" in quoted
    assert "old" not in quoted


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "recorded.json").write_text("[]")
    with pytest.raises(InvalidData, match="not a record of figures"):
        list(losses(Measured(), SIMULATED, tmp_path / "recorded.json"))


def test_ratios_are_taken_within_each_round() -> None:
    turns = Turns({"slow": [10.0, 40.0, 90.0], "fast": [1.0, 2.0, 3.0]})
    assert turns.ratio("slow", "fast") == 20.0
    assert turns.median("slow") == 40.0


def test_sides_take_turns_after_a_round_that_does_not_count() -> None:
    done: list[str] = []
    sides = {"a": lambda: done.append("a") or 1, "b": lambda: done.append("b") or 1}  # type: ignore[func-returns-value]  # None or 1
    assert set(in_turn(sides, 2, at_least=0.0).cost) == {"a", "b"}
    assert done == ["a", "b"] * 3


def test_the_rate_of_two_workers_is_that_of_the_time_in_which_both_worked() -> None:
    early = Timeline(at=[0.0, 1.0, 2.0, 3.0, 4.0], messages=[0, 100, 200, 300, 400], cpu=[0.0, 0.1, 0.2, 0.3, 0.4])
    late = Timeline(at=[2.0, 3.0, 4.0, 5.0, 6.0], messages=[0, 100, 200, 300, 400], cpu=[0.0, 0.1, 0.2, 0.3, 0.4])
    rates = Rates()
    rates.add([early, late])
    assert rates.rate == [pytest.approx(200.0)]
    assert rates.cpu == [pytest.approx(1000.0)]


def test_of_workers_that_did_not_overlap_nothing_is_said() -> None:
    early = Timeline(at=[0.0, 1.0], messages=[0, 100], cpu=[0.0, 0.1])
    late = Timeline(at=[5.0, 6.0], messages=[0, 100], cpu=[0.0, 0.1])
    rates = Rates()
    rates.add([early, late])
    assert all(math.isnan(values[0]) for values in (rates.rate, rates.cpu))


@pytest.mark.real_data
def test_real_packets_are_used_where_they_are(real_data: Path) -> None:
    for survey in SURVEYS:
        packets = sample(survey, real_data)
        assert packets.origin == "real"
        assert len(packets.in_containers().bodies()) == len(packets.in_registry_frames().payloads) == len(packets.payloads)


def test_every_target_is_measured_by_somebody() -> None:
    assert {target.key for target in TARGETS} <= {key for keys in MEASURES.values() for key in keys}


def test_tables_are_plain_json() -> None:
    table = Table("t", ("a", "b"), [("x", 1.5), ("y", None)], "note")
    assert Measured({}, {}, {"t": table}).as_object()["tables"]["t"]["rows"] == [["x", 1.5], ["y", None]]


@pytest.mark.kafka
def test_through_a_real_broker_nothing_is_missing_and_its_topics_are_deleted(kafka: Kafka) -> None:
    packets = sample("ztf", None, simulated=6)
    found = measure([(model_for("ztf"), packets)], kafka.bootstrap, Amounts(1_500, 0, 1, 3.0, most_workers=1))
    assert all(isinstance(found.values[key], float) for key in set(KAFKA_KEYS) - set(found.missing))
    assert set(found.missing) == {"lsst_tags_per_s", "candidate_tags_per_s"}
    left = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=10).topics
    assert not [name for name in left if name.startswith("bench-")]
