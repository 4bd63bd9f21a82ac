"""`sluice champion mirror --rebuild` over a finished first lifecycle whose MLflow was thrown away."""

import shutil
from dataclasses import replace

import pytest

from sluice.registry.mirror import MlflowMirror
from sluice.settings import load_settings
from tests.lib.copied_home import copied

pytestmark = [pytest.mark.integration]


def test_a_thrown_away_mlflow_is_rebuilt_from_the_store(story, tmp_path):
    home = tmp_path / "home"
    copied(story.installation.home, home, "bentoml")
    shutil.rmtree(home / "mlflow")
    shutil.rmtree(home / "evidence")
    installation = replace(story.installation, home=home)
    refused = installation.sluice("champion", "mirror", "for_you")

    rebuilt = installation.must("champion", "mirror", "for_you", "--rebuild")

    settings = load_settings({}, home)
    mirror = MlflowMirror(settings.mlflow_uri, settings.mlflow / "artifacts")
    alias = mirror.champion("for_you")
    assert "mirror the candidate first" in refused.err
    assert (alias.version, alias.release) == (1, story.promoted["release"])
    assert rebuilt["mended"]
    assert (home / "evidence" / "for_you" / "1.html").is_file()
    assert installation.must("audit", "verify")["problems"] == []
