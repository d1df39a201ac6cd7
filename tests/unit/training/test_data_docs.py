"""What docs/data.md says of the public sets is what their records say."""

import json
import re
from pathlib import Path

from click.testing import CliRunner

from streamer.cli import main
from streamer.commands.sources import sources_text
from streamer.training.sources import READERS

DOCS = Path(__file__).parents[3] / "docs" / "data.md"


def test_the_docs_tell_the_origins_as_the_command_does() -> None:
    assert DOCS.read_text(encoding="utf-8").endswith(f"\n{sources_text()}\n"), (
        "run `streamer data sources` and put it into docs/data.md"
    )


def test_every_set_has_an_origin_that_can_be_cited() -> None:
    lines = CliRunner().invoke(main, ["data", "sources", "--json"]).stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert {reader.origin.name for reader in READERS} < {record["name"] for record in records}
    assert all(record[field] for record in records for field in ("what", "source", "licence", "citation", "nature", "whole"))


def test_every_command_that_the_docs_show_exists() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    shown = [line.partition("#")[0].split() for block in blocks for line in block.splitlines() if line]
    assert shown
    for words in shown:
        result = CliRunner().invoke(main, [*words[1 : 3 if words[1] == "data" else 2], "--help"])
        assert result.exit_code == 0, words
        for flag in (word for word in words if word.startswith("--")):
            assert flag in result.stdout
