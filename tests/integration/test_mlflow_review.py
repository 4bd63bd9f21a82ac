"""Reviews in MLflow: a real server over HTTP, with an author, a reviewer, an outsider and the promoter."""

import base64
import json
import stat
from datetime import UTC, datetime
from itertools import product

import pytest
from click.testing import CliRunner

from sluice.cli import main
from sluice.cli.installation import accounts_of
from sluice.errors import Refused
from sluice.gates.spec import TIERS
from sluice.registry.audit import audit
from sluice.registry.mirror import MlflowMirror
from sluice.registry.mlflow_accounts import ADMIN, Accounts
from sluice.registry.mlflow_app import registry_routes
from sluice.registry.reversion import keep_reversion
from sluice.registry.review_rules import MATRIX
from sluice.store import open_store
from sluice.store.records import LedgerRow, State
from tests.lib.promotions import release_of
from tests.lib.reviews import PEOPLE, a_home, a_mirrored, crowned, open_office
from tests.lib.role_matrix import disobeyed
from tests.lib.tracked import a_ranker

pytestmark = [
    pytest.mark.integration,
    # MLflow's own, given once while it is imported, and by its accounts' migrations.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:starlette.middleware.wsgi is deprecated"),
    pytest.mark.filterwarnings("ignore:No path_separator found:DeprecationWarning"),
]
AUTHOR, REVIEWER, OUTSIDER, PROMOTER = PEOPLE.values()
CRITICAL = 'tier = "critical"\n'
ALL_GATES = list(TIERS["critical"].gates)
ALIAS = "/api/2.0/mlflow/registered-models/alias"
RUNS = ("approved", "rejected", "changed", "asked", "raced", "typed", "typed again", "both")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return a_home(tmp_path_factory.mktemp("an office"), "feed", "spare")


@pytest.fixture(scope="module")
def versions(home):
    """Versions in review by the name of their run, with their numbers in MLflow."""
    ranker = a_ranker(home.home / "ranker", "popularity")
    there = {run: a_mirrored(home, ranker, run, State.IN_REVIEW) for run in RUNS}
    there["served"] = a_mirrored(home, ranker, "served", State.CHAMPION)
    there["spare"] = a_mirrored(home, ranker, "spare", State.CHAMPION, "spare")
    for run in ("served", "spare"):
        crowned(home, there[run][0])
    return there


@pytest.fixture(scope="module")
def office(home, versions):
    with open_office(home) as office:
        yield office


def rows(office, version) -> list[tuple[str, str, str]]:
    """What reviewers decided on the version, as the ledger has it."""
    with open_store(office.settings.database_url) as store:
        found = store.find(LedgerRow, surface=version.surface, version=version.number)
    return [(row.action, row.actor, row.reason) for row in found if row.role == "reviewer"]


def ledger(office, version, action):
    with open_store(office.settings.database_url) as store:
        return store.find(
            LedgerRow, surface=version.surface, version=version.number, action=action
        )


def first_run(office) -> str:
    """MLflow's run of the surface's first version."""
    body = {"name": "feed-candidates", "alias": "candidate-1"}
    return office.ask(ADMIN, "GET", ALIAS, **body).json()["model_version"]["run_id"]


def told(answer) -> tuple[int, str]:
    return answer.status_code, answer.json().get("message", "")


def test_a_reviewers_tag_is_a_row_of_the_ledger_before_it_is_a_tag(office, versions):
    version, number = versions["approved"]

    assert told(office.tag(REVIEWER, "approved", version=number)) == (200, "")
    assert rows(office, version) == [("approve", REVIEWER, "")]
    assert office.tags(number)["review"] == "approved"
    (row,) = ledger(office, version, "approve")
    assert office.tags(number)["sluice.reviewed"] == (
        f"approved by {REVIEWER} (ledger row {row.sequence}): 1 of 1 needed"
    )

    # Sent again, as by a page that got no answer.
    assert office.tag(REVIEWER, "approved", version=number).status_code == 200
    status, why = told(office.tag(REVIEWER, "rejected: oh no", version=number))
    assert (status, "is approved; reject needs in_review" in why) == (409, True)
    assert len(rows(office, version)) == 1
    assert office.tags(number)["review"] == "approved"


def test_a_rejection_carries_its_reason_into_the_ledger(office, versions):
    version, number = versions["rejected"]

    assert office.tag(REVIEWER, "rejected", version=number).status_code == 400
    assert office.tag(REVIEWER, "rejected: stale data", version=number).status_code == 200
    assert rows(office, version) == [("reject", REVIEWER, "stale data")]


def typed(office, *arguments):
    """A command on the office's installation, while its server runs."""
    surfaces = {"SLUICE_SURFACES": str(office.settings.surfaces)}
    home = ("--home", str(office.settings.home), "--json")
    done = CliRunner().invoke(main, [*arguments, *home], env=surfaces)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_a_decision_by_command_stands_on_mlflows_page_as_one_made_there(office, versions):
    version, number = versions["typed"]
    said = typed(
        office, "review", "approve", "feed", str(version.number), "--reviewer", REVIEWER,
        "--digest", release_of(version), "--reason", "better on every slice",
    )  # fmt: skip

    assert (said["state"], said["mlflow"], said["approved_by"]) == (
        "approved",
        "told",
        ["rita"],
    )
    assert office.tags(number)["review"] == "approved: better on every slice"
    assert office.tags(number)["sluice.reviewed"] == (
        f"approved by rita (ledger row {said['ledger']}): 1 of 1 needed"
    )

    version, number = versions["typed again"]
    typed(office, "review", "reject", "feed", str(version.number), "--reviewer", REVIEWER, "--reason", "stale")  # fmt: skip
    assert office.tags(number)["review"] == "rejected: stale"


def test_who_has_approved_so_far_stands_on_the_page_wherever_they_did(office, versions):
    """The surface's tier is raised for a moment to one that two people have to approve."""
    version, number = versions["both"]
    declared = office.settings.surfaces / "feed.toml"
    standard = declared.read_text()
    declared.write_text(
        CRITICAL + standard + "[gates]\nmandatory = " + json.dumps(ALL_GATES)
    )
    try:
        assert told(office.tag(REVIEWER, "approved: fine", version=number)) == (200, "")
        assert office.tags(number)["sluice.reviewed"].endswith("1 of 2 needed")
        said = typed(
            office, "review", "approve", "feed", str(version.number), "--reviewer", "rob",
            "--digest", release_of(version),
        )  # fmt: skip
    finally:
        declared.write_text(standard)

    assert said["approved_by"] == ["rita", "rob"]
    first, second = ledger(office, version, "approve")
    assert office.tags(number)["sluice.reviewed"] == (
        f"approved by rita (ledger row {first.sequence}) and rob (ledger row {second.sequence}): "
        "2 of 2 needed"
    )


def test_a_tag_that_the_ledger_does_not_back_is_taken_away(office, versions):
    """As anybody sets one in an MLflow without accounts, whose database this is."""
    _, number = versions["asked"]
    mirror = MlflowMirror(office.settings.mlflow_uri, office.settings.mlflow / "artifacts")
    mirror._client.set_model_version_tag("feed-candidates", number, "review", "approved")

    with open_store(office.settings.database_url) as store:
        assert versions["asked"][0].number in mirror.reviewed(store, "feed", 1)
        assert mirror.reviewed(store, "feed", 1) == ()
    assert "review" not in office.tags(number)


@pytest.mark.parametrize(
    ("who", "status", "why"),
    [
        (AUTHOR, 403, "made version"),
        (OUTSIDER, 403, "is no reviewer of feed; reviewers: ann, rita, rob"),
        (PROMOTER, 403, "is no reviewer of feed"),
        (ADMIN, 403, "is no reviewer of feed"),
    ],
)
def test_nobody_else_decides_and_each_is_told_why(office, versions, who, status, why):
    version, number = versions["asked"]

    found, message = told(office.tag(who, "approved", version=number))

    assert (found, why in message) == (status, True), message
    assert rows(office, version) == []
    assert "review" not in office.tags(number)


def test_a_version_that_is_not_in_review_is_not_reviewed(office, versions):
    _, number = versions["served"]

    status, why = told(office.tag(REVIEWER, "rejected: late", version=number))

    assert (status, "is champion; reject needs in_review" in why) == (409, True), why
    assert office.tags(number).get("review") != "rejected: late"


def test_evidence_of_another_release_is_not_approved(office, versions):
    version, number = versions["changed"]
    office.tag(PROMOTER, "e" * 64, version=number, key="sluice.release")

    status, why = told(office.tag(REVIEWER, "approved", version=number))

    assert (status, f"packaged as release {release_of(version)}" in why) == (409, True), why
    assert rows(office, version) == []
    assert "review" not in office.tags(number)


def test_nobody_puts_a_version_among_candidates(office, versions):
    run = first_run(office)
    source = (office.settings.mlflow / "artifacts" / "feed" / run / "artifacts").as_uri()
    forged = {"name": "feed-candidates", "source": source, "run_id": run}
    create = "/api/2.0/mlflow/model-versions/create"

    for who in (AUTHOR, REVIEWER, OUTSIDER):
        made = office.ask(who, "POST", create, **forged)
        assert (made.status_code, "only the promoter" in made.text) == (403, True), (
            made.text
        )


@pytest.mark.parametrize("role", [*PEOPLE, ADMIN])
def test_every_route_of_the_registry_obeys_the_declared_matrix(office, versions, role):
    answers = list(disobeyed(office, role, versions["raced"][1]))

    assert len(answers) > len(registry_routes())
    assert [wrong for wrong in answers if wrong] == []


def test_the_matrix_lists_every_request_of_the_registry_and_the_app_has_no_other_way_in():
    from mlflow.server import app

    theirs = {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if "registered-models" in rule.rule or "model-versions" in rule.rule
    }

    assert theirs - set(registry_routes()) == {("/model-versions/get-artifact", "GET")}
    assert {kind.__name__ for kind in registry_routes().values()} == set(MATRIX)


def test_without_signing_in_nothing_is_read_or_written(office):
    for path, method in [*registry_routes(), ("/graphql", "POST"), ("/", "GET")]:
        assert office.ask(None, method, path).status_code == 401, (method, path)


def test_the_alias_champion_is_moved_by_the_promoter_alone(office, versions):
    body = {"name": "feed", "alias": "champion", "version": "1"}
    answers = {
        who: office.ask(who, "POST", ALIAS, **body).status_code for who in office.passwords
    }

    assert answers == {who: 200 if who == PROMOTER else 403 for who in office.passwords}


def test_who_moved_the_alias_is_seen_and_stands_in_the_ledger_with_the_move_put_back(
    office, versions
):
    """The promoter's own account, used by hand: the one way that MLflow lets through."""
    version, _ = versions["served"]
    crowned(office.settings, version)
    mirror = MlflowMirror(office.settings.mlflow_uri, office.settings.mlflow / "artifacts")
    with open_store(office.settings.database_url) as store:
        mirror.reconcile(store, "feed")
        gone = office.ask(PROMOTER, "DELETE", ALIAS, name="feed", alias="champion")
        found = mirror.reconcile(store, "feed")
        row = keep_reversion(store, "feed", found, actor="watch", at=datetime.now(UTC))
        after = mirror.reconcile(store, "feed")

        assert gone.status_code == 200, gone.text
        assert (found.moved, after.mended) == (True, False)
        assert f"'{PROMOTER}' moved it through MLflow at " in row.reason
        assert (
            keep_reversion(store, "feed", after, actor="watch", at=datetime.now(UTC))
            is None
        )
        assert audit(store) == []


def test_graphql_reads_and_never_writes(office):
    def ask(query):
        return office.ask(REVIEWER, "POST", "/graphql", query=query)

    assert ask('{ test(inputString: "x") { output } }').json()["data"]["test"] == {
        "output": "x"
    }
    refused = ask('mutation { testMutation(inputString: "x") { output } }')
    assert told(refused) == (403, "GraphQL only reads here")


def test_the_evidence_and_the_models_bytes_cannot_be_overwritten(office, versions):
    run = first_run(office)
    evidence = f"feed/{run}/artifacts/evidence.html"
    proxied = f"/api/2.0/mlflow-artifacts/artifacts/{evidence}"
    uploaded = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=evidence.html"
    before = (office.settings.mlflow / "artifacts" / evidence).read_bytes()

    for who, (method, path) in product(
        (AUTHOR, OUTSIDER), [("PUT", proxied), ("DELETE", proxied), ("POST", uploaded)]
    ):
        assert office.ask(who, method, path).status_code == 403, (who, method, path)
    assert (office.settings.mlflow / "artifacts" / evidence).read_bytes() == before


def test_nobody_chooses_where_the_server_keeps_files(office):
    body = {
        "name": "mine",
        "artifact_location": (office.settings.mlflow / "accounts").as_uri(),
    }

    for who in (AUTHOR, ADMIN):
        answer = office.ask(who, "POST", "/api/2.0/mlflow/experiments/create", **body)
        assert answer.status_code == 403


@pytest.mark.parametrize("header", [{"Origin": "http://evil.test"}, {"Host": "evil.test"}])
def test_another_sites_page_cannot_review_with_the_reviewers_browser(
    office, versions, header
):
    version, number = versions["asked"]
    body = {
        "name": "feed-candidates",
        "version": number,
        "key": "review",
        "value": "approved",
    }
    answer = office.client.post(
        f"{office.url}/ajax-api/2.0/mlflow/model-versions/set-tag",
        json=body,
        headers=header,
        auth=(REVIEWER, office.passwords[REVIEWER]),
    )

    assert answer.status_code == 403
    assert rows(office, version) == []


def test_mlflows_assistant_is_off(office):
    path = "/ajax-api/3.0/mlflow/assistant/config"

    assert office.ask(ADMIN, "GET", path).status_code == 404


def test_a_password_is_in_no_log_and_in_no_file_that_others_read(office):
    office.ask(REVIEWER, "GET", "/")
    log = office.log.read_text()
    for name, password in office.passwords.items():
        basic = base64.b64encode(f"{name}:{password}".encode()).decode()
        assert password not in log
        assert basic not in log

    folder = office.settings.mlflow / "accounts"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    secret = ("admin.password", "session.key", "accounts.ini")
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in secret} == {0o600}
    assert office.passwords[REVIEWER] not in (folder / "accounts.ini").read_text()


def test_an_account_whose_password_the_administrator_set_decides_nothing_for_a_while(
    office, versions
):
    """The last to need the reviewer's account here: it stays held."""
    version, number = versions["asked"]
    path, password = "/api/2.0/mlflow/users/update-password", "a new password"
    refused = office.ask(OUTSIDER, "PATCH", path, username=REVIEWER, password=password)
    assert refused.status_code == 403

    reset = office.ask(ADMIN, "PATCH", path, username=REVIEWER, password=password)
    assert reset.status_code == 200, reset.text
    office.passwords[REVIEWER] = password

    status, why = told(office.tag(REVIEWER, "approved", version=number))
    assert (status, f"admin set the password of '{REVIEWER}'" in why) == (403, True), why
    with open_store(office.settings.database_url) as store:
        noted = store.find(LedgerRow, action="account")
    # On the surfaces that the person reviews, each once; what was refused is no reset.
    assert [(row.surface, row.actor) for row in noted] == [
        ("feed", ADMIN),
        ("spare", ADMIN),
    ]
    assert rows(office, version) == []


def test_a_new_password_replaces_the_old_one_and_the_administrators_is_its_own(tmp_path):
    accounts: Accounts = accounts_of(a_home(tmp_path, "feed"))
    first, second = accounts.make("rita"), accounts.make("rita")

    with accounts._opened() as store:
        assert [store.authenticate_user("rita", each) for each in (first, second)] == [
            False,
            True,
        ]
    with pytest.raises(Refused, match=r"admin\.password"):
        accounts.make(ADMIN)


def test_the_first_secrets_stay(tmp_path):
    accounts = accounts_of(a_home(tmp_path, "feed"))

    assert accounts.environment() == accounts.environment()
    assert len(accounts.admin_password.read_text()) >= 40
