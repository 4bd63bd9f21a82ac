"""The mirror on a real MLflow over SQLite, in a folder with a space in its name."""

import os
import shutil
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from sluice.errors import Conflict, NotFound
from sluice.rankers import load_ranker
from sluice.registry.mirror import MirroredChampion, MirrorError, MlflowMirror
from sluice.registry.relay import DeliveryError, relay
from sluice.registry.reversion import keep_removal
from sluice.registry.tracking import RUN
from sluice.settings import SAFE_DEFAULTS, TELEMETRY_OFF
from sluice.store.memory import MemoryStore
from sluice.store.records import Draft, OutboxRow, PointerMove, State, Transition
from tests.lib.tracked import a_candidate, a_ranker

pytestmark = [
    pytest.mark.integration,
    # MLflow's own, given once while it is imported.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]
AT = datetime(2026, 5, 2, tzinfo=UTC)
FIRST, SECOND = "1a" * 32, "2b" * 32
EVERY = int(os.environ.get("FAULTS_EVERY", "3"))
"""Every so-many-th call kills; 1 takes them all."""
_surfaces = count()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("an mlflow")


@pytest.fixture(scope="session")
def mirror(home):
    """One MLflow for all: its first migrations take seconds."""
    os.environ.update(TELEMETRY_OFF | SAFE_DEFAULTS)
    return MlflowMirror(f"sqlite:///{home / 'mlflow.db'}", home / "artifacts")


@pytest.fixture(scope="session")
def ranker(home):
    return a_ranker(home / "ranker")


@pytest.fixture
def surface():
    """A surface that no other test has touched."""
    return f"feed_{next(_surfaces)}"


def standing(mirror, surface):
    """Runs, logged models and candidate versions that MLflow has of the surface."""
    client = mirror._client
    experiment = [client.get_experiment_by_name(surface).experiment_id]
    return (
        client.search_runs(experiment),
        client.search_logged_models(experiment),
        client.search_model_versions(f"name = '{surface}-candidates'"),
    )


def test_a_candidate_becomes_one_finished_run_with_all_that_a_reviewer_needs(
    mirror, ranker, surface
):
    candidate = a_candidate(ranker, surface=surface)

    mirrored = mirror.candidate(candidate)

    run = mirror._client.get_run(mirrored.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["candidate/ndcg_at_10"] == 0.640
    assert run.data.params["gates.quality.margin"] == "0.002"
    assert run.data.tags["sluice.snapshot"] == candidate.evidence.snapshot
    listed = {file.path for file in mirror._client.list_artifacts(mirrored.run_id)}
    assert listed == {"evidence.html", "plots"}
    version = mirror._client.get_model_version_by_alias(
        f"{surface}-candidates", "candidate-2"
    )
    assert str(version.version) == mirrored.version
    assert version.description.startswith("## All gates passed")
    assert version.tags["sluice.release"] == candidate.evidence.release


def test_a_second_time_changes_nothing(mirror, ranker, surface):
    candidate = a_candidate(ranker, surface=surface)
    first = mirror.candidate(candidate)
    before = [[vars(entity) for entity in found] for found in standing(mirror, surface)]

    assert mirror.candidate(candidate) == first
    after = [[vars(entity) for entity in found] for found in standing(mirror, surface)]
    assert repr(after) == repr(before)


def test_new_evidence_goes_to_the_run_and_the_version_that_are_there(
    mirror, ranker, surface
):
    first = mirror.candidate(a_candidate(ranker, surface=surface, release=None))

    assert mirror.candidate(a_candidate(ranker, surface=surface, release=SECOND)) == first
    [run], [_], [version] = standing(mirror, surface)
    assert run.data.tags["sluice.release"] == SECOND
    assert version.tags["sluice.release"] == SECOND
    assert SECOND in version.description


def test_two_versions_of_a_surface_stay_apart(mirror, ranker, surface):
    one = mirror.candidate(a_candidate(ranker, surface=surface, version=1))
    two = mirror.candidate(a_candidate(ranker, surface=surface, version=2))

    assert (one.version, two.version) == ("1", "2")
    assert one.run_id != two.run_id
    assert [len(found) for found in standing(mirror, surface)] == [2, 2, 2]


def lose_the_model(client, surface, _):
    client.delete_registered_model(f"{surface}-candidates")


def lose_the_run(client, _, mirrored):
    client.delete_run(mirrored.run_id)


def lose_the_experiment(client, surface, _):
    client.delete_experiment(client.get_experiment_by_name(surface).experiment_id)


def lose_the_files(client, surface, _):
    place = client.get_experiment_by_name(surface).artifact_location
    shutil.rmtree(unquote(urlsplit(place).path))


@pytest.mark.parametrize(
    "lose", [lose_the_model, lose_the_run, lose_the_experiment, lose_the_files],
    ids=lambda each: each.__name__,
)  # fmt: skip
def test_what_was_deleted_in_mlflow_is_written_again(mirror, ranker, surface, lose):
    candidate = a_candidate(ranker, surface=surface)
    lose(mirror._client, surface, mirror.candidate(candidate))

    again = mirror.candidate(candidate, anew=True)

    client = mirror._client
    listed = {file.path for file in client.list_artifacts(again.run_id)}
    version = client.get_model_version_by_alias(f"{surface}-candidates", "candidate-2")
    assert listed == {"evidence.html", "plots"}
    assert client.get_run(again.run_id).info.lifecycle_stage == "active"
    assert version.description.startswith("## All gates passed")
    kept = Path(unquote(urlsplit(version.source).path))
    assert any(path.is_file() for path in kept.rglob("*"))


class Killed(BaseException):
    """Stands for a kill: nothing after it runs, and nothing catches it."""


class DiesAfter:
    """A client that goes through with so many calls to MLflow, and dies at the next."""

    def __init__(self, client, calls):
        self._client, self._left = client, calls

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*args, **kwargs):
            if self._left == 0:
                raise Killed(name)
            self._left -= 1
            return method(*args, **kwargs)

        return call


def killed_after(mirror, calls):
    """A mirror of the same MLflow that is killed before its next call but `calls`."""
    mortal = MlflowMirror(mirror._uri, mirror._artifacts)
    mortal.__dict__["_client"] = DiesAfter(mirror._client, calls)
    return mortal


@pytest.mark.faults
def test_a_mirroring_killed_before_any_call_is_completed_by_the_next(mirror, ranker):
    for calls in range(0, 60, EVERY):
        surface = f"killed_after_{calls}"
        candidate = a_candidate(ranker, surface=surface)
        try:
            killed_after(mirror, calls).candidate(candidate)
        except Killed:
            mirror.candidate(candidate)
            finished = False
        else:
            finished = True
        [run], [model], [version] = standing(mirror, surface)
        assert (run.info.status, model.status) == ("FINISHED", "READY")
        assert run.data.metrics["candidate/auc"] == 0.765
        assert version.description.startswith("## All gates passed")
        assert mirror._client.get_registered_model(f"{surface}-candidates").aliases
        if finished:
            assert calls > 12
            return
    pytest.fail("a mirroring makes more calls than were tried")


@pytest.mark.faults
def test_a_delivery_killed_before_any_call_is_completed_by_the_next(mirror, ranker):
    for calls in range(0, 60, EVERY):
        surface = f"delivery_killed_after_{calls}"
        mirror.candidate(a_candidate(ranker, surface=surface))
        row = OutboxRow(1, surface, 2, FIRST, 1)
        try:
            killed_after(mirror, calls).deliver(row)
        except Killed:
            mirror.deliver(row)
            finished = False
        else:
            finished = True
        assert mirror.champion(surface) == MirroredChampion(2, FIRST, 1)
        assert len(mirror._client.search_model_versions(f"name = '{surface}'")) == 1
        if finished:
            assert calls > 6
            return
    pytest.fail("a delivery makes more calls than were tried")


def test_the_registered_model_loads_in_mlflow_and_scores_like_the_ranker(
    mirror, ranker, surface, tmp_path
):
    mirrored = mirror.candidate(a_candidate(ranker, surface=surface))
    folder = mirror._client.get_model_version_download_uri(mirrored.model, mirrored.version)
    features = np.random.default_rng(5).normal(size=(40, 4)).astype(np.float32)

    from mlflow.lightgbm import load_model

    booster = load_model(folder, dst_path=str(tmp_path))
    assert booster is not None
    scores = booster.predict(features)
    np.testing.assert_array_equal(scores, load_ranker(ranker).score(features))


def test_a_family_that_mlflow_does_not_know_is_mirrored_with_its_own_files(
    mirror, surface, tmp_path
):
    mirrored = mirror.candidate(
        a_candidate(a_ranker(tmp_path, "popularity"), surface=surface, family="popularity")
    )

    folder = mirror._client.get_model_version_download_uri(mirrored.model, mirrored.version)
    from mlflow.artifacts import download_artifacts

    kept = download_artifacts(folder, dst_path=str(tmp_path / "copy"))
    assert [path.name for path in Path(kept).iterdir()] == ["ranker"]


def test_no_file_is_a_pickle(mirror, ranker, surface, home):
    mirror.candidate(a_candidate(ranker, surface=surface))

    files = [path for path in (home / "artifacts").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {
        ".html", ".png", ".lgb", ".txt", ".json", ".yaml", ""
    }  # fmt: skip
    assert not any(path.read_bytes()[:1] == b"\x80" for path in files)


def two_versions(mirror, ranker, surface):
    mirror.candidate(a_candidate(ranker, surface=surface, version=1, release=FIRST))
    mirror.candidate(a_candidate(ranker, surface=surface, version=2, release=SECOND))


def test_the_alias_follows_the_outbox_and_back_again_on_a_rollback(mirror, ranker, surface):
    two_versions(mirror, ranker, surface)

    assert mirror.champion(surface) is None
    for epoch, version, release in ((1, 1, FIRST), (2, 2, SECOND), (3, 1, FIRST)):
        mirror.deliver(OutboxRow(epoch, surface, version, release, epoch))
        assert mirror.champion(surface) == MirroredChampion(version, release, epoch)
    assert len(mirror._client.search_model_versions(f"name = '{surface}'")) == 2


def test_a_delivery_twice_is_one_and_a_late_one_is_refused(mirror, ranker, surface):
    two_versions(mirror, ranker, surface)
    first, second = OutboxRow(1, surface, 1, FIRST, 1), OutboxRow(2, surface, 2, SECOND, 2)
    for row in (first, first, second, second):
        mirror.deliver(row)

    with pytest.raises(Conflict, match="is at epoch 2, a move of epoch 1 comes too late"):
        mirror.deliver(first)
    with pytest.raises(Conflict, match="at epoch 2, not"):
        mirror.deliver(OutboxRow(3, surface, 1, FIRST, 2))
    assert mirror.champion(surface) == MirroredChampion(2, SECOND, 2)


def test_an_mlflow_that_is_down_is_reported_and_the_move_stays_in_the_outbox(
    tmp_path, monkeypatch, surface
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    down = MlflowMirror("http://127.0.0.1:9", tmp_path / "artifacts")
    store = a_store(surface)

    with pytest.raises(
        DeliveryError, match=f"mlflow: epoch 1 of {surface}: mlflow: API request"
    ):
        relay(store, [down])

    assert [row.delivered for row in store.find(OutboxRow)] == [False]
    with pytest.raises(MirrorError):
        down.deliver(store.find(OutboxRow)[0])
    # The watcher goes on after one of ours, and would end with one of MLflow's.
    with pytest.raises(MirrorError):
        down.reconcile(store, surface)


def test_a_champion_that_was_never_mirrored_is_not_found(mirror, surface):
    with pytest.raises(NotFound, match=r"no version with tag sluice\.version=1"):
        mirror.deliver(OutboxRow(1, surface, 1, FIRST, 1))
    assert mirror.champion(surface) is None


def a_store(surface):
    """A store whose champion of the surface is version 1."""
    store = MemoryStore()
    draft = Draft(surface, "r", "m", "s", "p", "c", "lambdamart", "ann")
    store.register(draft, actor="ann", role="trainer", at=AT)
    store.transition(
        Transition(
            surface=surface,
            version=1,
            action="promote",
            expected=State.CANDIDATE,
            after=State.CHAMPION_PROVISIONAL,
            actor="ann",
            role="promoter",
            reason="it is the first",
            idempotency_key="promote",
            at=AT,
            release=FIRST,
            pointer=PointerMove(0, 1, FIRST, None, None),
        )
    )
    return store


def put_back(mirror, store, surface):
    """Reconcile; what was found, once a second look finds nothing left to mend."""
    reconciled = mirror.reconcile(store, surface)
    assert reconciled.mended
    assert mirror.champion(surface) == reconciled.expected == MirroredChampion(1, FIRST, 1)
    assert not mirror.reconcile(store, surface).mended
    return reconciled.found


def move_to_another_version(client, surface):
    source = client.search_model_versions(f"name = '{surface}'")[0].source
    other = client.create_model_version(surface, source)
    client.set_registered_model_alias(surface, "champion", other.version)


def delete_the_version(client, surface):
    client.delete_model_version(surface, "1")


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (move_to_another_version, MirroredChampion(None, None, 1)),
        (delete_the_version, None),
        (lambda c, s: c.delete_registered_model_alias(s, "champion"), None),
        (lambda c, s: c.delete_registered_model(s), None),
        (
            lambda c, s: c.set_registered_model_tag(s, "sluice.epoch", "99"),
            MirroredChampion(1, FIRST, 99),
        ),
        (
            lambda c, s: c.set_model_version_tag(s, "1", "sluice.release", "forged"),
            MirroredChampion(1, "forged", 1),
        ),
    ],
    ids=["moved", "version deleted", "alias deleted", "model deleted", "epoch", "release"],
)
def test_an_alias_changed_behind_the_store_is_found_and_put_back(
    mirror, ranker, surface, tamper, found
):
    store = a_store(surface)
    two_versions(mirror, ranker, surface)
    mirror.deliver(OutboxRow(1, surface, 1, FIRST, 1))

    tamper(mirror._client, surface)

    assert put_back(mirror, store, surface) == found


def test_an_alias_that_no_champion_stands_behind_is_removed(mirror, ranker, surface):
    two_versions(mirror, ranker, surface)
    mirror.deliver(OutboxRow(1, surface, 1, FIRST, 1))

    reconciled = mirror.reconcile(MemoryStore(), surface)

    assert reconciled.found == MirroredChampion(1, FIRST, 1)
    assert mirror.champion(surface) is None


def test_an_experiment_that_somebody_deleted_comes_back(mirror, ranker, surface):
    first = mirror.candidate(a_candidate(ranker, surface=surface))
    client = mirror._client
    client.delete_experiment(client.get_experiment_by_name(surface).experiment_id)

    again = mirror.candidate(a_candidate(ranker, surface=surface))

    assert again.version == first.version


def test_the_run_key_is_what_finds_a_run_again(mirror, ranker, surface):
    mirrored = mirror.candidate(a_candidate(ranker, surface=surface))

    assert mirror._client.get_run(mirrored.run_id).data.tags[RUN] == f"{2:064x}"


def test_what_others_put_among_candidates_goes(mirror, ranker, surface):
    candidate, store = a_candidate(ranker, surface=surface, version=1), MemoryStore()
    draft = Draft(surface, candidate.run, *("0" * 64,) * 4, "lambdamart", "ann")
    store.register(draft, actor="ann", role="trainer", at=AT)
    client, model = mirror._client, f"{surface}-candidates"
    own = mirror.candidate(candidate)
    there = client.get_model_version(model, own.version)
    client.update_model_version(model, own.version, "all is well")
    plain = client.create_model_version(model, there.source)
    copied = client.create_model_version(model, there.source, tags=there.tags)

    found = mirror.strangers(store, surface)
    assert [stranger.number for stranger in found] == [
        str(plain.version),
        str(copied.version),
    ]
    assert "names no version, and Sluice did not make it" in str(found[0])
    removed = mirror.without_strangers(store, surface)
    row = keep_removal(store, surface, removed, actor="ann", at=AT)
    mirror.candidate(candidate)

    assert (row.action, row.version, str(found[1]) in row.reason) == ("revert", 1, True)
    (left,) = client.search_model_versions(f"name = '{model}'")
    assert (str(left.version), left.description) == (own.version, there.description)
    assert mirror.strangers(store, surface) == ()
