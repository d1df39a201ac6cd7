"""The command line: its fixed names, its outputs for scripts, its one-line errors and its exit codes."""

import hashlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import fastavro
import pytest
from click.testing import CliRunner, Result

from streamer import __version__, client, config, wiring
from streamer.classify.bundle import bundle_files
from streamer.classify.calibration import Calibration
from streamer.cli import main
from streamer.commands import demo, replay
from streamer.data.tally import Tally
from streamer.errors import InvalidConfig, InvalidData
from streamer.sinks.feed import paced
from streamer.sources.simulator import simulate
from streamer.stores.bundled import bundled_schema
from streamer.tagged import VERSION
from streamer.testing import HandClock
from streamer.training.folders import written
from tests.packets import registry_frame
from tests.unit.classify.bundles import INPUTS, tiny_booster, tiny_manifest

pytestmark = pytest.mark.usefixtures("logger_restored")
ROOT = Path(__file__).parents[2]
COMMANDS = {"demo", "run", "check", "replay", "simulate", "subscribe", "show", "features", "models", "train", "evaluate", "bench"}
COMMANDS |= {"data", "classify", "tags", "candidates"}
ENDINGS = "*.avro, *.tar, *.tar.gz, *.tgz"
REPLAYED = [
    "read",
    "done_before",
    "classified",
    "parent_only",
    "not_classified",
    "rejected",
    "rejected_total",
    "answers",
    "seconds",
]
FILES = '[source]\nkind = "archive"\npaths = ["in"]\n[sink]\nkind = "archive"\nfolder = "out"\n[model]\nname = []\n'
REAL_INPUTS = ("trigger_snr", "trigger_magnitude", "star_galaxy")
FILES += "[telemetry]\nport = 0\n"


def streamer(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def packets(tmp_path: Path) -> Path:
    """Simulated packets of both surveys, some of them damaged."""
    folder = tmp_path / "packets"
    for survey in ("ztf", "lsst"):
        made = streamer("simulate", "--survey", survey, "--count", "40", "--broken", "0.1", "--seed", "3", "--out", folder)
        assert (made.exit_code, made.stdout) == (0, "")
    (folder / "notes.txt").write_text("not a packet")
    return folder


def replay_without_models(packets: Path, out: Path, *options: str) -> Result:
    return streamer("replay", packets, "--out", out, "--model", "none", "--json", *options)


def replayed(packets: Path, out: Path, *options: str) -> dict[str, object]:
    said = replay_without_models(packets, out, *options)
    assert said.exit_code == 0, said.stderr
    (line,) = said.stdout.splitlines()
    found: dict[str, object] = json.loads(line)
    return found


def records(folder: Path, pattern: str) -> list[dict[str, object]]:
    return [dict(record) for file in sorted(folder.glob(pattern)) for record in fastavro.reader(io.BytesIO(file.read_bytes()))]  # type: ignore[arg-type]  # records are mappings


def test_every_command_is_there_and_explains_itself() -> None:
    assert set(main.commands) == COMMANDS
    for name in COMMANDS:
        said = streamer(name, "--help")
        assert said.exit_code == 0
        assert len(said.output.splitlines()) > 4


def test_help_is_quick_since_it_imports_nothing_that_computes() -> None:
    asked = f"for name in {sorted(COMMANDS)}: main([name, '--help'], standalone_mode=False)"
    code = (
        f"import sys\nfrom streamer.cli import main\n{asked}\nprint({{'numpy', 'numba', 'pandas', 'pydantic'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "set()"


def test_the_version_is_told() -> None:
    assert streamer("--version").output == f"streamer, version {__version__}\n"


def test_a_replay_balances_and_its_files_hold_what_it_says(packets: Path, tmp_path: Path) -> None:
    found = replayed(packets, tmp_path / "out")
    assert list(found) == REPLAYED
    rejected = found["rejected"]
    assert isinstance(rejected, dict)
    assert found["read"] == 80
    assert found["classified"] == 0
    assert found["not_classified"] == 80 - sum(rejected.values())
    assert found["rejected_total"] == sum(rejected.values())
    assert len(records(tmp_path / "out", "tagged-*.avro")) == found["not_classified"]
    assert len(records(tmp_path / "out", "dead-letters-*.avro")) == sum(rejected.values()) > 0


def test_a_second_replay_into_the_same_folder_finds_everything_done(packets: Path, tmp_path: Path) -> None:
    replayed(packets, tmp_path / "out")
    before = len(records(tmp_path / "out", "tagged-*.avro"))
    again = replayed(packets, tmp_path / "out")
    assert (again["read"], again["done_before"]) == (0, 80)
    assert "80 records were done before\n" in replay_without_models(packets, tmp_path / "out").stderr
    assert len(records(tmp_path / "out", "tagged-*.avro")) == before


def test_a_folder_of_the_same_name_elsewhere_is_not_taken_for_done(
    packets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("d1", "d2"):
        shutil.copytree(packets, tmp_path / place / "night")
        monkeypatch.chdir(tmp_path / place)
        assert replayed(Path("night"), tmp_path / "out")["read"] == 80
        assert replayed(Path("./night"), tmp_path / "out")["read"] == 0


def test_results_inside_the_input_folder_are_not_read(packets: Path) -> None:
    assert replayed(packets, packets / "out")["read"] == 80
    again = replay_without_models(packets, packets / "out")
    assert json.loads(again.stdout)["read"] == 0
    assert "out" not in again.stderr.replace(str(packets), "")


@pytest.mark.parametrize("command", ["simulate", "replay"])
def test_a_folder_that_cannot_be_made_is_one_clear_line(packets: Path, command: str) -> None:
    out = packets / "notes.txt" / "out"
    made = ("simulate", "--survey", "ztf", "--count", "1", "--seed", "1", "--out", out)
    said = streamer(*made) if command == "simulate" else replay_without_models(packets, out)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.splitlines()[-1].startswith(f"streamer: {packets / 'notes.txt'}")
    assert "Not a directory" in said.stderr


def test_a_folder_with_results_of_another_shape_is_refused(packets: Path, tmp_path: Path) -> None:
    replayed(packets, tmp_path / "out")
    said = replay_without_models(packets, tmp_path / "out", "--shape", "full")
    assert (said.exit_code, said.stdout) == (1, "")
    assert "this folder holds results made with shape tag, not shape full; choose another --out" in said.stderr
    assert len(said.stderr.splitlines()) == 1


@pytest.mark.parametrize("damage", ["cut", "broken"])
def test_what_cannot_be_read_to_its_end_ends_with_status_1(packets: Path, tmp_path: Path, damage: str) -> None:
    night = tmp_path / "night.tar.gz"
    with tarfile.open(night, "w:gz") as tarball:
        tarball.add(packets, "night")
    night.write_bytes(night.read_bytes()[: night.stat().st_size // 2] if damage == "cut" else b"no tarball" * 100)
    said = replay_without_models(night, tmp_path / "out")
    assert said.exit_code == 1
    assert f"not read to its end: {night}" in said.stderr
    found = json.loads(said.stdout)
    assert list(found) == REPLAYED
    assert found["read"] == found["classified"] + found["not_classified"] + sum(found["rejected"].values())
    assert streamer("replay", night, "--out", tmp_path / "other", "--model", "none").exit_code == 1


def test_a_replay_without_any_packet_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "night").mkdir()
    (tmp_path / "night" / "notes.txt").write_text("not a packet")
    said = replay_without_models(tmp_path / "night", tmp_path / "out")
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.splitlines()[-1] == f"streamer: no packets ({ENDINGS}) in {tmp_path / 'night'}; 1 other file is ignored"


def test_a_replay_of_packets_without_schemas_says_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "framed.avro").write_bytes(b"\x00\x00\x00\x00\x07datum")
    said = replay_without_models(tmp_path / "framed.avro", tmp_path / "out")
    assert json.loads(said.stdout)["rejected"] == {"UNKNOWN_SCHEMA": 1}
    assert said.exit_code == 1
    hint, nothing = said.stderr.splitlines()
    assert hint.startswith("1 record brings no schema: give --schemas")
    assert f"streamer replay {tmp_path}/out/dead-letters-*.avro" in hint
    assert nothing == "nothing could be read: every record is a dead letter"


def test_a_replay_says_that_a_folder_has_not_the_schema_that_packets_name(tmp_path: Path) -> None:
    """Some of the packets bring their schema: that is no failure, but the others are not passed over in silence."""
    (tmp_path / "framed.avro").write_bytes(b"\x00\x00\x00\x00\x07datum")
    (tmp_path / "schemas").mkdir()
    streamer("simulate", "--survey", "ztf", "--count", "1", "--out", tmp_path / "whole")
    said = replay_without_models(tmp_path, tmp_path / "out", "--schemas", str(tmp_path / "schemas"))
    assert said.exit_code == 0
    (hint,) = said.stderr.splitlines()
    assert hint.startswith(f"1 record brings no schema, and schema id 7 is not among the 0 schemas in {tmp_path}/schemas: give")


def test_a_replay_says_that_the_registry_did_not_answer_and_its_dead_letters_can_be_replayed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        registry = f"http://127.0.0.1:{free.getsockname()[1]}"
    bodies = [alert.payload[5:] for alert in simulate("lsst", 8, 5)]
    for number, body in enumerate(bodies):
        (tmp_path / f"{number}.avro").write_bytes(registry_frame(7, body))
    said = replay_without_models(tmp_path, tmp_path / "out", "--schemas", registry)
    assert (said.exit_code, json.loads(said.stdout)["rejected"]) == (1, {"SCHEMA_UNAVAILABLE": 8})
    hint, _ = said.stderr.splitlines()
    assert hint.startswith("8 records bring no schema, and the schema registry did not answer as it should (ConnectionRefusedError")
    (letter, *_) = records(tmp_path / "out", "dead-letters-*.avro")
    assert "ConnectionRefusedError" in str(letter["detail"])
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "7.avsc").write_text(bundled_schema("lsst", "1.0").text)
    again = replayed(
        min((tmp_path / "out").glob("dead-letters-*.avro")), tmp_path / "again", "--schemas", str(tmp_path / "schemas")
    )
    assert (again["not_classified"], again["rejected_total"]) == (8, 0)


def test_a_replay_names_surveys_that_no_loaded_model_answers_for(packets: Path, bundles: Path, tmp_path: Path) -> None:
    said = streamer("replay", packets, "--out", tmp_path / "out", "--model", f"{bundles}/tiny")
    (hint,) = [line for line in said.stderr.splitlines() if "no loaded model" in line]
    assert re.match(
        r"no loaded model answers for alerts of lsst, of which there are \d+: tiny is for ztf; for lsst give --model ", hint
    )
    assert "variability-lsst" in hint
    silent = streamer("replay", packets, "--out", tmp_path / "other", "--model", "none")
    assert "no loaded model" not in silent.stderr


def test_a_replay_counts_its_answers_by_class(packets: Path, bundles: Path, tmp_path: Path) -> None:
    found = json.loads(streamer("replay", packets, "--out", tmp_path / "a", "--json", "--model", f"{bundles}/tiny").stdout)
    named = Counter(tag["class_name"] for tag in records(tmp_path / "a", "tagged-*.avro") if tag["state"] != "NOT_CLASSIFIED")
    assert found["answers"] == named
    assert sum(named.values()) == found["classified"] > 0
    table = streamer("replay", packets, "--out", tmp_path / "b", "--model", f"{bundles}/tiny").stdout
    assert all(re.search(rf"^answer +{name} +{count}$", table, re.MULTILINE) for name, count in named.items())


def test_only_the_commonest_answers_have_a_line_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {f"class {number}": 100 - number for number in range(20)}
    done = replay.Replayed(Tally(), 1.0, (), 0, interrupted=False, answers=answers, hints=())
    replay.report(done, tmp_path, as_json=False)
    said = [line.split() for line in capsys.readouterr().out.splitlines() if "class " in line or "classes" in line]
    assert said == [
        *(["answer", "class", str(i), str(100 - i)] for i in range(12)),
        ["8", "other", "classes", str(sum(range(81, 89)))],
    ]


def test_a_replay_says_in_one_line_which_files_it_ignores(packets: Path, tmp_path: Path) -> None:
    said = streamer("replay", packets, "--out", tmp_path / "out", "--model", "none")
    assert f"ignored: {packets / 'notes.txt'}\n" in said.stderr
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("no packet")
    more = streamer("replay", packets, tmp_path, "--out", tmp_path / "out", "--model", "none")
    assert [line for line in more.stderr.splitlines() if "ignored" in line] == [f"ignored: {packets / 'notes.txt'} and 3 more"]
    assert "80 read = 0 classified" in said.stdout
    assert "✓" in said.stdout


def test_whole_packets_carry_their_tag_and_are_shown_with_it(packets: Path, tmp_path: Path) -> None:
    replayed(packets, tmp_path / "out", "--shape", "full")
    (first, *_) = sorted((tmp_path / "out").glob("tagged-*.avro"))
    (record, *_) = records(tmp_path / "out", first.name)
    tag = client.tag_of(record)
    assert tag is not None
    assert tag["object_id"] in str(streamer("show", first, "--limit", "1").output)


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_a_packet_is_shown_with_its_light_curve(tmp_path: Path, survey: str) -> None:
    streamer("simulate", "--survey", survey, "--count", "40", "--seed", "3", "--out", tmp_path)
    said = streamer("show", max(tmp_path.glob("*.avro"), key=lambda file: file.stat().st_size))
    assert said.exit_code == 0, said.stderr
    assert "days from the alert" in said.output
    assert "UTC" in said.output


def test_a_pulsar_candidate_is_shown_with_what_it_has(tmp_path: Path) -> None:
    streamer("simulate", "--survey", "pulsar", "--count", "1", "--seed", "3", "--out", tmp_path)
    said = streamer("show", next(tmp_path.glob("*.avro")))
    assert said.exit_code == 0, said.stderr
    assert "profile 128   dm_curve 1196" in said.output
    assert "nJy" not in said.output


def test_tagged_alerts_and_dead_letters_are_shown(packets: Path, tmp_path: Path) -> None:
    replayed(packets, tmp_path / "out")
    assert "NO_MODEL" in streamer("show", min((tmp_path / "out").glob("tagged-*.avro"))).output
    (letters,) = (tmp_path / "out").glob("dead-letters-*.avro")
    said = streamer("show", letters, "--limit", "100").output
    assert "CODEC" in said
    together = "".join(said.split())
    for record in records(tmp_path / "out", letters.name):
        place = record["input"]
        assert isinstance(place, dict)
        assert Path(place["source"]).name in together, "the whole path, folded where need be"


def test_a_folder_is_shown_up_to_the_limit_and_what_cannot_be_read_is_told(packets: Path, tmp_path: Path) -> None:
    said = streamer("show", packets, "--limit", "2")
    assert said.exit_code == 0, said.stderr
    assert said.output.count("days from the alert") <= 2
    assert said.output.count("╭") == 2
    assert "more files" in said.output
    every = streamer("show", packets, "--limit", "1000").output
    found = replayed(packets, tmp_path / "out")
    assert isinstance(found["rejected"], dict)
    assert every.count("╭") == found["not_classified"]
    assert all(reason in every for reason in found["rejected"])
    (tmp_path / "empty").mkdir()
    assert streamer("show", tmp_path / "empty").stderr == f"streamer: {tmp_path / 'empty'}: there is no *.avro in this folder\n"


def test_what_is_no_packet_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "x.avro").write_bytes(b"nonsense")
    said = streamer("show", tmp_path / "x.avro")
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.startswith("streamer: ")
    assert "UNKNOWN_FRAMING" in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_a_model_that_does_not_exist_is_one_clear_line_and_nothing_is_written(packets: Path, tmp_path: Path) -> None:
    said = streamer("replay", packets, "--out", tmp_path / "out", "--model", "nobody")
    assert said.exit_code == 1
    assert "'nobody'" in said.stderr
    assert not list(tmp_path.glob("out/*.avro"))


def test_check_says_all_good_or_one_line_for_each_problem(tmp_path: Path) -> None:
    settings = tmp_path / "streamer.toml"
    settings.write_text(FILES)
    missing = streamer("check", settings)
    assert (missing.exit_code, missing.stderr) == (1, f"streamer: source.paths: {tmp_path / 'in'} does not exist\n")
    (tmp_path / "in").mkdir()
    good = streamer("check", settings)
    assert (good.exit_code, good.stdout) == (0, f"{settings}: all good\n")
    settings.write_text(FILES.replace("name = []", 'name = ["a", "b"]').replace("[model]", "[source.x]\n[model]"))
    assert "source.x" in streamer("check", settings).stderr
    settings.write_text(FILES.replace("name = []", 'name = ["no-a", "no-b"]'))
    assert [line.split("'")[1] for line in streamer("check", settings).stderr.splitlines()] == ["no-a", "no-b"]
    settings.write_text(FILES.replace("name = []", 'name = ["no-a"]\nmisspelt = 1').replace("port = 0", "port = -1"))
    assert "no-a" not in streamer("check", settings).stderr, "a section that is wrong itself is not tried"
    settings.write_text(FILES.replace("name = []", 'name = ["no-a"]').replace("port = 0", "port = -1"))
    wrong, unknown = streamer("check", settings).stderr.splitlines()
    assert "telemetry.port" in wrong
    assert "no model 'no-a'" in unknown


@pytest.mark.parametrize(
    "arguments",
    [("simulate", "--survey", "ztf", "--count", "1", "--seed", "1"), ("simulate", "--survey", "x"), ("replay",), ("nothing",)],
)
def test_wrong_usage_ends_with_status_2(arguments: tuple[str, ...]) -> None:
    assert streamer(*arguments).exit_code == 2


def test_a_place_of_schemas_that_is_neither_folder_nor_http_is_refused_without_its_credentials(
    packets: Path, tmp_path: Path
) -> None:
    for command in (("replay", packets, "--out", tmp_path / "out"), ("show", packets / "notes.txt")):
        said = streamer(*command, "--schemas", "ftp://user:hunter2@registry")
        assert said.exit_code == 2
        assert "'ftp://registry' is not an http:// or https:// address" in said.stderr
        assert "hunter2" not in said.output


def test_features_are_listed_for_people_and_for_scripts() -> None:
    lines = [json.loads(line) for line in streamer("features", "list", "--json").stdout.splitlines()]
    table = streamer("features", "list").stdout
    assert len(lines) >= 40
    assert all(line["name"] in table and line["unit"] and line["source"] for line in lines)
    assert len({line["name"] for line in lines}) == len(lines)


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """A folder with two tiny models for ZTF that read real features."""
    trees = tiny_booster().model_to_string()
    for made_up, real in zip(INPUTS, REAL_INPUTS, strict=True):
        trees = trees.replace(made_up, real)
    for name in ("tiny", "other"):
        (tmp_path / "models" / name).mkdir(parents=True)
        manifest = replace(tiny_manifest(), name=name, inputs=REAL_INPUTS)
        for file, content in bundle_files(manifest, trees, Calibration((1,), (1.0,)), "# Tiny\n").items():
            (tmp_path / "models" / name / file).write_bytes(content)
    return tmp_path / "models"


def test_the_fields_of_a_tag_are_those_of_the_documentation() -> None:
    text = streamer("tags").stdout
    assert text == (Path(__file__).parents[2] / "docs" / "tags.md").read_text(), "write it again: streamer tags > docs/tags.md"
    for field in bundled_schema("tagged", VERSION).tree["fields"]:
        assert f"| `{field['name']}` |" in text


def test_models_are_listed_and_their_cards_shown(bundles: Path) -> None:
    lines = [json.loads(line) for line in streamer("models", "list", "--folder", bundles, "--json").stdout.splitlines()]
    table = streamer("models", "list", "--folder", bundles).stdout
    assert {"tiny", "other"} <= {line["name"] for line in lines}
    assert all(line["name"] in table and line["classes"] for line in lines)
    assert streamer("models", "show", "tiny", "--folder", bundles).stdout == "# Tiny\n\n"
    assert streamer("models", "show", "nobody").exit_code == 1


def test_listing_models_reads_what_they_say_of_themselves_and_no_tree() -> None:
    list_models = "main(['models', 'list', '--json'], standalone_mode=False); print('lightgbm' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; from streamer.cli import main; {list_models}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    *lines, has_trees = done.stdout.splitlines()
    assert has_trees == "False"
    views = {line["name"]: line["view"] for line in map(json.loads, lines)}
    assert (views["variability-ztf"], views["variability-ztf-history"]) == ("stream", "history")


def test_a_damaged_bundle_is_one_clear_line(bundles: Path) -> None:
    (bundles / "tiny" / "card.md").write_text("better than it is")
    said = streamer("models", "show", "tiny", "--folder", bundles)
    assert said.exit_code == 1
    assert len(said.stderr.splitlines()) == 1


def test_damaged_bundles_are_named_and_the_others_are_listed(bundles: Path) -> None:
    (bundles / "tiny" / "card.md").write_text("better than it is")
    said = streamer("models", "list", "--folder", bundles, "--json")
    assert said.exit_code == 1
    assert {"other", "variability-ztf"} <= {json.loads(line)["name"] for line in said.stdout.splitlines()}
    assert [line for line in said.stderr.splitlines() if str(bundles / "tiny") in line and "card.md" in line]


def test_a_replay_explains_its_answers_and_says_its_level(packets: Path, bundles: Path, tmp_path: Path) -> None:
    tree = json.loads((bundles / "tiny" / "manifest.json").read_bytes())
    empty = [{"class_id": number, "objects": 0, "conformities": [[]]} for number in tree["leaves"]]
    calibration = json.dumps({"temperature": 1.0, "conformal": empty}).encode()
    tree["checksums"]["calibration.json"] = hashlib.sha256(calibration).hexdigest()
    (bundles / "tiny" / "calibration.json").write_bytes(calibration)
    (bundles / "tiny" / "manifest.json").write_text(json.dumps(tree))
    said = streamer("replay", packets, "--out", tmp_path / "out", "--model", f"{bundles}/tiny", "--explain", "--level", "0.8")
    assert said.exit_code == 0, said.stderr
    tags = [tag for tag in records(tmp_path / "out", "tagged-*.avro") if tag["classifications"]]
    assert tags
    for tag in tags:
        assert (tag["conformal_level"], tag["reason"]) == (0.8, "AMBIGUOUS")
        classes = tag["classifications"]
        assert isinstance(classes, list)
        assert tag["conformal_set"] == [one["class_id"] for one in classes]
        assert tag["reasons"]
    again = streamer("replay", packets, "--out", tmp_path / "out", "--model", f"{bundles}/tiny", "--explain")
    assert again.exit_code == 1
    assert "conformal level" in again.stderr


def test_two_models_for_one_survey_cannot_be_loaded_together(bundles: Path) -> None:
    with pytest.raises(InvalidConfig, match="name one of them"):
        wiring.models(config.Model(name=("tiny", "other"), folder=bundles))


def test_the_service_refuses_a_model_of_whole_light_curves(bundles: Path, tmp_path: Path) -> None:
    tiny = replace(tiny_manifest(), name="tiny")
    for manifest, message in (
        (replace(tiny, view="history"), r'tiny .* whole light curves .* classify --table.* train one with view = "stream"'),
        (replace(tiny, survey="mine"), r"tiny is for light curves of mine, .* no alerts \(there are of ztf, lsst, pulsar\)"),
    ):
        written(bundle_files(manifest, tiny_booster().model_to_string(), Calibration.single(1.0), "# Whole\n"), tmp_path / "tiny")
        with pytest.raises(InvalidConfig, match=message):
            wiring.models(config.Model(name=(f"{tmp_path}/tiny",)))


def test_the_service_classifies_with_the_model_that_is_named(packets: Path, bundles: Path, tmp_path: Path) -> None:
    settings = config.Config(
        source=config.ArchiveSource(kind="archive", paths=(packets,)),
        sink=config.ArchiveSink(kind="archive", folder=tmp_path / "out"),
        model=config.Model(name=("tiny",), folder=bundles),
        telemetry=config.Telemetry(port=0),
    )
    done = replay.replayed(settings)
    assert done.tally.classified > 0
    assert done.tally.imbalance == 0
    classified = [record for record in records(tmp_path / "out", "tagged-*.avro") if record["state"] == "CLASSIFIED"]
    assert len(classified) == done.tally.classified
    assert {record["model"]["name"] for record in classified if isinstance(record["model"], dict)} == {"tiny"}


def test_a_model_may_be_named_by_the_folder_of_its_bundle(
    packets: Path, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundles)
    for number, model in enumerate((str(bundles / "tiny"), "./tiny")):
        said = streamer("replay", packets, "--out", tmp_path / str(number), "--json", "--model", model, "--model", "none")
        assert said.exit_code == 0, said.stderr
        assert json.loads(said.stdout)["classified"] > 0
    missing = streamer("replay", packets, "--out", tmp_path / "out", "--model", "./nobody")
    assert missing.exit_code == 1
    assert f"no model 'nobody' in {bundles}; known are other, tiny" in missing.stderr
    assert len(missing.stderr.splitlines()) == 1


def test_a_demo_takes_models_too(bundles: Path) -> None:
    for models in (("--model", bundles / "tiny"), ("--model", "none")):
        said = streamer("demo", "--seconds", "0.01", *models)
        assert said.exit_code == 0, said.stderr
        assert "✓" in said.stdout


def test_a_service_that_could_not_read_a_file_to_its_end_ends_with_status_1(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "night.tar.gz").write_bytes(b"no tarball" * 100)
    (tmp_path / "streamer.toml").write_text(FILES)
    said = streamer("run", tmp_path / "streamer.toml")
    assert said.exit_code == 1
    assert f"streamer: not read to its end: {tmp_path / 'in' / 'night.tar.gz'}" in said.stderr


def test_a_service_that_finds_no_packet_in_its_files_says_so_and_ends_with_status_1(packets: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "streamer.toml").write_text(FILES)
    said = streamer("run", tmp_path / "streamer.toml")
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.splitlines()[-1] == f"streamer: no packets ({ENDINGS}) in {tmp_path / 'in'}"
    shutil.copytree(packets, tmp_path / "in" / "night")
    for read in (80, 0):  # at the second start all is done, which is no reason to complain
        said = streamer("run", tmp_path / "streamer.toml")
        assert said.exit_code == 0
        assert f'"event": "in all", "read": {read}, "classified": 0' in said.stderr


def test_each_of_several_workers_logs_what_became_of_what_it_read(packets: Path, tmp_path: Path) -> None:
    shutil.copytree(packets, tmp_path / "in")
    (tmp_path / "streamer.toml").write_text(FILES)
    supervisor, worker = os.pipe()
    run = (sys.executable, "-m", "streamer.cli", "run", tmp_path / "streamer.toml", "--slot", "1", "--report-to", str(worker))
    try:  # a process of its own, since the thread that reports lives as long as its process
        said = subprocess.run(run, capture_output=True, text=True, check=False, pass_fds=(worker,), cwd=ROOT, timeout=300)
    finally:
        os.close(supervisor)
        os.close(worker)
    assert said.returncode == 0
    assert '"event": "in all", "read": 80, "classified": 0' in said.stderr
    assert said.stderr.splitlines()[-1].endswith('"worker": 1}')


def test_a_demo_in_a_pipe_ends_with_its_balance(bundles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.run_demo(0.01, 1, config.Model(name=("tiny",), folder=bundles), tmp_path / "out")
    said = capsys.readouterr().out
    assert "✓" in said
    assert f" show {tmp_path / 'out'}/tagged-000001.avro" in said


def packets_of(*options: str, folder: Path) -> dict[str, bytes]:
    assert streamer("simulate", "--survey", "lsst", "--count", "5", *options, "--out", folder).exit_code == 0
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_simulated_packets_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    one, again, default, first = (
        packets_of("--seed", "9", folder=tmp_path / "a"),
        packets_of("--seed", "9", folder=tmp_path / "b"),
        packets_of(folder=tmp_path / "c"),
        packets_of("--seed", "1", folder=tmp_path / "d"),
    )
    assert one == again
    assert default == first != one
    assert len(one) == 5


def test_simulate_says_how_many_packets_went_where_and_what_was_there_before(tmp_path: Path) -> None:
    def said(*options: str) -> str:
        return streamer("simulate", "--survey", "ztf", *options, "--out", tmp_path).stderr

    assert said("--count", "1") == f"streamer: 1 packet in {tmp_path}\n"
    assert said("--count", "3") == f"streamer: 3 packets in {tmp_path}; 1 of them was there already\n"
    assert said("--count", "2", "--seed", "2") == f"streamer: 2 packets in {tmp_path}; beside 3 other files from before\n"
    refused = said("--count", "3", "--broken", "1")
    assert "is there and holds another packet" in refused
    assert len(refused.splitlines()) == 1


def test_a_rate_is_kept_on_average() -> None:
    clock = HandClock()
    assert list(paced(range(5), 2.0, clock, clock.advance)) == [0, 1, 2, 3, 4]
    assert clock.monotonic() == pytest.approx(2.0)


def test_values_become_what_json_knows() -> None:
    assert client.plain({"a": [float("nan"), b"\xff"], "b": 1.5}) == {"a": [None, "ÿ"], "b": 1.5}


@pytest.mark.parametrize("payload", [b"", b"nonsense", b"\x00\x00\x00\x00\x01", b"\xc3\x01", b"{", b"Obj\x01"])
def test_a_payload_that_is_no_tag_is_told_so(payload: bytes) -> None:
    with pytest.raises(InvalidData, match="not a tagged alert"):
        list(client.tagged_records(payload))


def test_the_bundled_tag_schema_is_the_one_that_frames_without_schema_are_read_with() -> None:
    assert bundled_schema("tagged", VERSION).tree["name"] == "Tagged"
