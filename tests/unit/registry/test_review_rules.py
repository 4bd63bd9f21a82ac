"""Who may write what to MLflow's model registry, and what a tag decides."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Conflict, NotFound, Refused, UserError
from sluice.registry.moves import position_of
from sluice.registry.review_rules import (
    MATRIX,
    Decision,
    Request,
    Who,
    decide,
    decision,
    ensure_allowed,
    needed,
)
from sluice.store.memory import MemoryStore
from sluice.store.records import LedgerRow, State
from tests.lib.promotions import approve, bring, panel, release_of, signatory
from tests.lib.stores import T0

SURFACES = ("feed", "search")
AT = T0 + timedelta(hours=2)
APPROVED = Decision(approved=True, reason="")


def asked(kind: str, *names: str, **more) -> Request:
    return Request(kind, names, **more)


@pytest.mark.parametrize(
    ("request_", "who"),
    [
        (asked("SetModelVersionTag", "feed-candidates", tags=("review",)), Who.REVIEWER),
        (asked("SetModelVersionTag", "feed-candidates", tags=("mood",)), Who.ANYBODY),
        (asked("SetModelVersionTag", "feed-candidates", tags=("Review ",)), Who.PROMOTER),
        (asked("SetModelVersionTag", "feed-candidates", tags=("ｒeview",)), Who.PROMOTER),
        (asked("SetModelVersionTag", "feed-candidates", tags=("revi\u0435w",)), Who.PROMOTER),
        (asked("SetModelVersionTag", "feed-candidates", tags=("sIuice.reviewed",)), Who.PROMOTER),
        (asked("SetRegisteredModelAlias", "feed-candidates", alias="ch\u0430mpion"), Who.PROMOTER),
        (asked("SetModelVersionTag", "feed-candidates", tags=("sluice.release",)), Who.PROMOTER),
        (asked("SetModelVersionTag", "feed-candidates", tags=("SLUICE.run",)), Who.PROMOTER),
        (asked("SetModelVersionTag", "feed-candidates", tags=("mlflow.prompt.is_prompt",)), Who.PROMOTER),
        (asked("SetModelVersionTag", "feed", tags=("mood",)), Who.PROMOTER),
        (asked("SetModelVersionTag", "feed", tags=("review",)), Who.PROMOTER),
        (asked("SetModelVersionTag", "somebody-elses", tags=("review",)), Who.ANYBODY),
        (asked("DeleteModelVersionTag", "feed-candidates", tags=("review",)), Who.PROMOTER),
        (asked("DeleteModelVersionTag", "feed-candidates", tags=("mood",)), Who.PROMOTER),
        (asked("CreateModelVersion", "feed-candidates"), Who.PROMOTER),
        (asked("CreateModelVersion", "feed-candidates", tags=("review",)), Who.PROMOTER),
        (asked("CreateModelVersion", "feed-candidates", tags=("mood", "sluice.run")), Who.PROMOTER),
        (asked("CreateModelVersion", "feed"), Who.PROMOTER),
        (asked("SetRegisteredModelAlias", "feed", alias="champion"), Who.PROMOTER),
        (asked("SetRegisteredModelAlias", "feed", alias="mine"), Who.PROMOTER),
        (asked("SetRegisteredModelAlias", "feed-candidates", alias="champion"), Who.PROMOTER),
        (asked("SetRegisteredModelAlias", "feed-candidates", alias="candidate-7"), Who.PROMOTER),
        (asked("SetRegisteredModelAlias", "feed-candidates", alias="mine"), Who.ANYBODY),
        (asked("GetModelVersionByAlias", "feed", alias="champion"), Who.ANYBODY),
        (asked("UpdateModelVersion", "feed-candidates"), Who.PROMOTER),
        (asked("RenameRegisteredModel", "my-own", "search"), Who.PROMOTER),
        (asked("RenameRegisteredModel", "search-candidates", "my-own"), Who.PROMOTER),
        (asked("RenameRegisteredModel", "my-own", "my-other"), Who.ANYBODY),
        (asked("CreateExperiment", "feed"), Who.PROMOTER),
        (asked("CreateExperiment", "my-own"), Who.ANYBODY),
        (asked("CreateExperiment", "my-own", location="file:///etc"), Who.PROMOTER),
        (asked("NewInMlflow4", "feed-candidates"), Who.PROMOTER),
    ],
)  # fmt: skip
def test_who_may_make_a_request_follows_from_what_it_names(request_, who):
    assert needed(request_, SURFACES) is who


@pytest.mark.parametrize("kind", sorted(MATRIX))
def test_no_write_to_the_champions_is_anybodys(kind):
    read = kind.startswith(("Get", "Search"))

    assert needed(asked(kind, "feed"), SURFACES) is (Who.ANYBODY if read else Who.PROMOTER)


@given(st.sampled_from(sorted(MATRIX)), st.text(max_size=8), st.text(max_size=8))
def test_a_second_name_or_tag_never_widens_a_right(kind, tag, alias):
    plain = asked(kind, "feed-candidates")
    more = replace(plain, names=("feed-candidates", "feed"), tags=(tag,), alias=alias)

    allowed = needed(more, SURFACES) is Who.ANYBODY
    assert not allowed or needed(plain, SURFACES) is Who.ANYBODY


@pytest.mark.parametrize("user", ["rita", "admin", "Sluice-promoter", ""])
def test_what_is_the_promoters_is_refused_to_everybody_else_by_name(user):
    request = asked("SetRegisteredModelAlias", "feed", alias="champion")

    with pytest.raises(Refused, match=r"SetRegisteredModelAlias of champion on feed"):
        ensure_allowed(request, user, "sluice-promoter", SURFACES)
    ensure_allowed(request, "sluice-promoter", "sluice-promoter", SURFACES)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("approved", Decision(True, "")),
        (" approved ", Decision(True, "")),
        ("approved: looks right", Decision(True, "looks right")),
        ("rejected: stale: see chat", Decision(False, "stale: see chat")),
    ],
)
def test_a_tag_is_read_as_a_decision_and_its_reason(text, found):
    assert decision(text) == found


@pytest.mark.parametrize(
    "text", ["", "maybe", "rejected", "rejected: ", "Approved", "approve", "yes: approved"]
)
def test_a_tag_that_decides_nothing_is_refused_with_what_would_do(text):
    with pytest.raises(UserError, match="write `approved`, or `rejected: `"):
        decision(text)


@pytest.fixture
def store():
    return MemoryStore()


def tags_of(version) -> dict[str, str]:
    return {"sluice.version": str(version.number), "sluice.release": release_of(version)}


def by(store, version, reviewer="rita", decided=APPROVED, approvers=1, **tags):
    who = {"by": signatory(reviewer), "panel": panel(approvers), "at": AT}
    return decide(store, "feed", tags_of(version) | tags, decided, **who)


def test_where_two_people_have_to_approve_one_leaves_the_version_in_review(store):
    version = bring(store, State.IN_REVIEW)
    first = by(store, version, "rita", approvers=2)
    second = by(store, version, "Rob", approvers=2)

    assert (first.after, second.after) == ("in_review", "approved")


def test_an_approval_is_a_row_of_the_ledger_in_the_reviewers_name(store):
    version = bring(store, State.IN_REVIEW)

    row = by(store, version)

    assert (row.action, row.actor, row.evidence[0]) == (
        "approve",
        "rita",
        release_of(version),
    )
    assert position_of(store, version).state is State.APPROVED


def test_a_rejection_keeps_its_reason(store):
    version = bring(store, State.IN_REVIEW)

    row = by(store, version, decided=Decision(False, "stale"))

    assert (row.action, row.reason) == ("reject", "stale")


@pytest.mark.parametrize(
    ("reviewer", "says"), [("ann", "made version 1"), ("olaf", "no reviewer of feed")]
)
def test_the_author_and_who_is_no_reviewer_are_refused(store, reviewer, says):
    version = bring(store, State.IN_REVIEW)

    with pytest.raises(Refused, match=says):
        by(store, version, reviewer)
    assert not store.find(LedgerRow, action="approve")


@pytest.mark.parametrize("state", [State.PACKAGED, State.CHAMPION])
def test_a_version_that_is_not_in_review_conflicts(store, state):
    version = bring(store, state)

    with pytest.raises(Conflict, match="needs in_review"):
        by(store, version, "Rob")


@pytest.mark.parametrize("release", ["f" * 64, ""])
def test_evidence_about_another_release_conflicts(store, release):
    version = bring(store, State.IN_REVIEW)

    with pytest.raises(Conflict, match="look at the evidence again"):
        by(store, version, **{"sluice.release": release})


@pytest.mark.parametrize("number", ["", "one", "-1", "²"])
def test_a_version_that_sluice_did_not_make_has_nothing_to_review(store, number):
    version = bring(store, State.IN_REVIEW)

    with pytest.raises(Conflict, match="not made by Sluice"):
        by(store, version, **{"sluice.version": number})
    with pytest.raises(NotFound):
        by(store, version, **{"sluice.version": "99"})


def test_the_same_decision_again_is_the_same_row_and_another_reason_conflicts(store):
    version = bring(store, State.IN_REVIEW)
    row = approve(store, version)

    assert by(store, version) == row
    with pytest.raises(Conflict, match="the first word stands"):
        by(store, version, decided=Decision(True, "on second thoughts"))
