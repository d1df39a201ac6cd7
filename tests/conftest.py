"""Fixtures that every test folder shares."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.kafka_fixtures import kafka, mortal_kafka, names

__all__ = ["kafka", "mortal_kafka", "names", "real_data", "real_data_folder"]

# nothing is timed: the machine that runs the suite may be busy
settings.register_profile("streamer", deadline=None)
settings.load_profile("streamer")


def real_data_folder() -> Path:
    """Where the shared survey data should be."""
    return Path(os.environ.get("STREAMER_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data").resolve()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The shared survey data; in CI their absence is a failure, in a user's clone a reason to skip."""
    folder = real_data_folder()
    if not (folder / "README.md").is_file():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have the survey data, but {folder} is not there")
        pytest.skip(f"the survey data are not at {folder} (set STREAMER_REAL_DATA)")
    return folder
