"""Log lines."""

import io
import json
import logging

import pytest

from streamer import logs


def lines_of(act: str, **extra: object) -> list[str]:
    record = logging.LogRecord("streamer.worker", logging.INFO, "", 0, act, (), None)
    vars(record).update(extra)
    return [logs.Lines(as_json=True).format(record), logs.Lines(as_json=False).format(record)]


def test_a_record_is_one_line_with_its_fields() -> None:
    as_json, as_text = lines_of("assigned", partitions=["a[0]"])
    found = json.loads(as_json)
    assert (found["event"], found["level"], found["logger"], found["partitions"]) == (
        "assigned",
        "INFO",
        "streamer.worker",
        ["a[0]"],
    )
    assert found["time"].endswith("Z")
    assert as_text.endswith("INFO    worker: assigned  partitions=['a[0]']")


def test_values_that_json_does_not_know_become_text() -> None:
    assert json.loads(lines_of("x", why=ValueError("no"))[0])["why"] == "no"


@pytest.mark.usefixtures("logger_restored")
def test_a_pipe_gets_json_lines_from_the_level_up() -> None:
    stream = io.StringIO()
    logs.configure("WARNING", stream)
    logging.getLogger("streamer.x").info("quiet")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("streamer.x").exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["trace"]
