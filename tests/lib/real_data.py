"""Real public logs, where this machine has them; a test that needs one skips where it is absent."""

import os
from pathlib import Path

import pytest

ROOT = Path(
    os.environ.get("SLUICE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")
)


def real_data(name: str) -> Path:
    """Folder of one data set; skips the test where it is not there."""
    folder = ROOT / name
    if not folder.is_dir():
        pytest.skip(
            f"no {name} under {ROOT}; set SLUICE_TEST_DATA to the folder that holds it"
        )
    return folder
