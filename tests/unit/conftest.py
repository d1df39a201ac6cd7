"""Fixtures of the unit tests."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def logger_restored() -> Iterator[None]:
    """Streamer's logger is afterwards what it was before."""
    logger = logging.getLogger("streamer")
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)
