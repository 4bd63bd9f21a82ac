"""`sluice champion mirror --watch` over an alias that somebody moves behind the store's back."""

import json
import os
import signal
import time
from dataclasses import replace

import pytest

from sluice.registry.mirror import ALIAS, MlflowMirror
from sluice.settings import load_settings
from tests.lib.copied_home import copied
from tests.lib.installations import records

pytestmark = [
    pytest.mark.integration,
    # MLflow's own, given once while it is imported.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]
SECONDS = 60


@pytest.fixture
def installation(story, tmp_path):
    home = tmp_path / "home"
    copied(story.installation.home, home)
    return replace(story.installation, home=home)


def test_an_alias_that_was_removed_is_back_within_a_minute(installation):
    settings = load_settings({}, installation.home)
    mirror = MlflowMirror(settings.mlflow_uri, settings.mlflow / "artifacts")
    before = mirror.champion("for_you")
    watching = installation.start("champion", "mirror", "for_you", "--watch", "--json")
    try:
        # One round has passed by then: nothing was to be mended, so nothing was said.
        time.sleep(10)
        mirror._client.delete_registered_model_alias("for_you", ALIAS)
        removed = time.monotonic()
        while mirror.champion("for_you") is None and time.monotonic() - removed < SECONDS:
            time.sleep(0.5)

        assert mirror.champion("for_you") == before
    finally:
        os.kill(watching.pid, signal.SIGTERM)
        out, err = watching.communicate(timeout=30)

    assert (watching.returncode, err) == (0, "")
    told = json.loads(out)
    assert (told["mended"], told["moved"], told["seen"]) == (True, True, None)
    row = records(installation)["LedgerRow"][-1]
    assert (row.sequence, row.action, row.before) == (told["ledger"], "revert", row.after)
    assert "alias was gone and was put back; nobody was seen" in row.reason
    assert installation.must("audit", "verify")["problems"] == []
