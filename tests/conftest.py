"""Fixtures of all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def testdata() -> Path:
    """The folder of real clips, weights and ground truth; the test skips where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "testdata"
    folder = Path(os.environ.get("VIDEOTRACKS_TESTDATA", default))
    if not folder.is_dir():
        pytest.skip(f"test data not found at {folder}; set VIDEOTRACKS_TESTDATA")
    return folder
