"""`sluice review`: who decides by command signs with a key of the own, and `audit verify` reads it."""

import json

import pytest
from click.testing import CliRunner

from sluice.cli import main
from sluice.registry.promotion import promote
from sluice.settings import load_settings
from sluice.store import open_store
from sluice.store.records import LedgerRow, State
from tests.lib.promotions import BY_FLOW, MANDATORY, bring, panel, release_of
from tests.lib.tamperings import execute

SURFACE = 'name = "feed"\nowner = "ranking-team"\n\n[review]\nreviewers = ["rita", "rob"]\n'


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "surfaces").mkdir()
    (tmp_path / "surfaces" / "feed.toml").write_text(SURFACE)
    monkeypatch.setenv("SLUICE_SURFACES", str(tmp_path / "surfaces"))
    for name in ("SLUICE_ACTOR", "SLUICE_OWN_KEYS", "SLUICE_REVIEW_KEYS"):
        monkeypatch.delenv(name, raising=False)
    with open_store(load_settings({}, tmp_path / "home").database_url) as store:
        bring(store, State.IN_REVIEW)
    return tmp_path / "home"


def sluice(home, *arguments, code=0):
    done = CliRunner().invoke(main, [*arguments, "--home", str(home), "--json"])
    error = done.exception
    assert getattr(error, "exit_code", done.exit_code) == code or code == 0, done.output
    if code == 0:
        assert done.exit_code == 0, (done.output, error)
        return json.loads(done.stdout)
    return str(error)


def approve(home, *arguments, **named):
    digest = f"{1:064x}"
    return sluice(
        home, "review", "approve", "feed", "1", "--digest", digest, *arguments, **named
    )


def of_decisions(home):
    """Problems that an audit sees, but for the release, which is a name here and no bytes."""
    done = CliRunner().invoke(main, ["audit", "verify", "--home", str(home), "--json"])
    problems = json.loads(done.stdout)["problems"]
    return [problem for problem in problems if "no release folder" not in problem]


def test_an_approval_by_command_is_signed_with_a_key_made_at_its_first_use(home):
    assert approve(home, "--reviewer", "rita")["approved_by"] == ["rita"]

    settings = load_settings({}, home)
    (row,) = sluice(home, "review", "keys")["keys"]
    assert (row["reviewer"], row["standing"]) == ("rita", "trusted")
    assert of_decisions(home) == []
    execute(
        settings.database_url, "UPDATE ledger SET signature = NULL WHERE action = 'approve'"
    )
    done = CliRunner().invoke(main, ["audit", "verify", "--home", str(home), "--json"])
    assert "(approve by rita) is not signed" in done.output
    assert done.exit_code == 5


def test_a_reviewers_own_key_counts_once_it_is_trusted(home, tmp_path):
    made = sluice(
        home, "review", "keygen", "--reviewer", "rita", "--keys", str(tmp_path / "own")
    )
    own = ("--reviewer", "rita", "--keys", str(tmp_path / "own"))

    assert "does not count for 'rita'" in approve(home, *own, code=6)
    sluice(home, "review", "trust", "rita", made["public"])
    assert approve(home, *own)["approved_by"] == ["rita"]
    sluice(home, "review", "revoke", "rita", made["key"], "--reason", "lost")
    (row,) = sluice(home, "review", "keys")["keys"]
    assert row["standing"] == "revoked"


def test_what_the_command_signed_the_promotion_takes(home):
    approve(home, "--reviewer", "rita")
    settings = load_settings({}, home)
    from sluice.registry.review_keys import ReviewKeys

    with open_store(settings.database_url) as store:
        from sluice.store.records import Version

        (version,) = store.find(Version)
        given = panel(reviewers=("rita", "rob"), trust=ReviewKeys(settings.review_keys))
        row = promote(
            store, version, mandatory=MANDATORY, judged_against=None, panel=given,
            idempotency_key="p", **BY_FLOW,
        )  # fmt: skip
        assert row.evidence[0] == release_of(version)
        assert len(store.find(LedgerRow, action="approve")) == 1
