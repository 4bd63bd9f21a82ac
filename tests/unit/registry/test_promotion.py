from datetime import timedelta

import pytest

from sluice.errors import Conflict, Held, NotFound, Refused
from sluice.registry import promotion
from sluice.registry.moves import position_of
from sluice.store.memory import MemoryStore
from sluice.store.records import (
    Champion,
    Document,
    LedgerRow,
    OutboxRow,
    Outcome,
    Release,
    State,
    Verdict,
    Version,
)
from tests.lib import promotions as lib
from tests.lib.promotions import (
    BY_FLOW,
    MANDATORY,
    bring,
    judged,
    panel,
    release_of,
    signatory,
)
from tests.lib.stores import T0, a_draft

EARLY = ("data", "leakage", "quality")


@pytest.fixture
def store():
    return MemoryStore()


def state(store, version):
    return position_of(store, version).state


def actions(store):
    return [row.action for row in store.find(LedgerRow)]


GATE_CASES = {
    "all passed": (judged(*EARLY), MANDATORY, State.GATED),
    "an advisory gate failed": (
        [*judged(*EARLY), *judged("churn", outcome=Outcome.FAIL)], MANDATORY, State.GATED,
    ),
    "one failed": (
        [*judged("data", "leakage"), *judged("quality", outcome=Outcome.FAIL)], MANDATORY, State.BLOCKED,
    ),
    "one is inconclusive": (
        [*judged("data", "quality"), *judged("leakage", outcome=Outcome.INCONCLUSIVE)],
        MANDATORY, State.BLOCKED,
    ),
    "one is missing": (judged("data", "quality"), MANDATORY, State.BLOCKED),
    "none was asked": ([], MANDATORY, State.BLOCKED),
    "none is mandatory": (judged(*EARLY), (), State.BLOCKED),
    "only the replay is mandatory": (judged(*EARLY), ("replay",), State.BLOCKED),
}  # fmt: skip


@pytest.mark.parametrize(
    ("judgements", "mandatory", "after"), GATE_CASES.values(), ids=GATE_CASES
)
def test_a_candidate_is_gated_only_where_every_mandatory_gate_passed(
    store, judgements, mandatory, after
):
    version = bring(store, State.CANDIDATE)

    reached = promotion.gate(store, version, judgements, mandatory=mandatory, **BY_FLOW)

    assert reached is state(store, version) is after
    assert len(store.find(Verdict)) == len(judgements)


def test_every_verdict_carries_its_evidence(store):
    version = bring(store, State.GATED)

    for verdict in store.find(Verdict, surface="feed", version=version.number):
        gate = verdict.gate
        said = {"gate": gate, "outcome": "pass", "reason": f"{gate} says pass"}
        body = store.get(Document, digest=verdict.evidence).body
        assert body == {"gate": gate, "verdict": said}


def test_why_a_candidate_is_blocked_stands_in_the_ledger(store):
    version = bring(store, State.CANDIDATE)
    failed = [*judged("data"), *judged("quality", outcome=Outcome.FAIL)]
    promotion.gate(store, version, failed, mandatory=MANDATORY, **BY_FLOW)

    reason = store.find(LedgerRow)[-1].reason
    assert "leakage: inconclusive: there is no verdict" in reason
    assert "quality: fail: quality says fail" in reason


def test_a_gate_judges_once_and_its_first_verdict_stands(store):
    version = bring(store, State.CANDIDATE)
    failed = judged(*EARLY, outcome=Outcome.FAIL)
    promotion.gate(store, version, failed, mandatory=MANDATORY, **BY_FLOW)

    assert lib.gate(store, version) is State.BLOCKED
    assert {each.outcome for each in store.find(Verdict)} == {Outcome.FAIL}


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE])
def test_a_release_whose_replay_does_not_pass_is_blocked(store, outcome):
    version = bring(store, State.PACKAGED)
    replay = judged("replay", outcome=outcome)

    assert (
        promotion.submit(store, version, replay, mandatory=MANDATORY, **BY_FLOW)
        is State.BLOCKED
    )


def test_a_release_that_was_not_replayed_is_blocked(store):
    version = bring(store, State.PACKAGED)

    assert (
        promotion.submit(store, version, [], mandatory=MANDATORY, **BY_FLOW)
        is State.BLOCKED
    )


def test_a_candidate_cannot_be_submitted_before_it_is_packaged(store):
    version = bring(store, State.GATED)

    with pytest.raises(Refused, match="is gated; submit needs packaged"):
        lib.submit(store, version)


def test_a_blocked_version_cannot_be_packaged(store):
    version = bring(store, State.CANDIDATE)
    promotion.gate(store, version, [], mandatory=MANDATORY, **BY_FLOW)

    with pytest.raises(Refused, match="only a gated version"):
        lib.package(store, version)
    assert store.find(Release) == ()


def test_a_version_is_packaged_as_one_release_only(store):
    version = bring(store, State.PACKAGED)

    with pytest.raises(Refused, match="is packaged as"):
        promotion.package(store, version, "f" * 64, **BY_FLOW)


def test_a_release_belongs_to_one_version_only(store):
    first = bring(store, State.PACKAGED, "a")
    second = bring(store, State.GATED, "b")

    with pytest.raises(Conflict, match="another version"):
        promotion.package(store, second, release_of(first), **BY_FLOW)


REVIEWERS_REFUSED = {
    "the author": ("ann", "made version"),
    "the author in capitals": (" ANN", "made version"),
    "an outsider": ("eve", "no reviewer"),
    "nobody": ("", "no reviewer"),
}


@pytest.mark.parametrize(
    ("reviewer", "why"), REVIEWERS_REFUSED.values(), ids=REVIEWERS_REFUSED
)
@pytest.mark.parametrize("decide", [lib.approve, lib.reject])
def test_who_may_not_review_is_refused(store, decide, reviewer, why):
    version = bring(store, State.IN_REVIEW)

    with pytest.raises(Refused, match=why):
        decide(store, version, reviewer)
    assert state(store, version) is State.IN_REVIEW


def test_whoever_registered_a_version_cannot_review_it(store):
    version = promotion.register(store, a_draft(author="ranking-team"), actor="rita", at=T0)
    for step in (lib.gate, lib.package, lib.submit):
        step(store, version)

    with pytest.raises(Refused, match="'rita' made version 1"):
        lib.approve(store, version)


def test_only_the_digest_that_was_packaged_can_be_approved(store):
    version = bring(store, State.IN_REVIEW)

    with pytest.raises(Refused, match="look at the evidence again"):
        promotion.approve(
            store,
            version,
            by=signatory("rita"),
            panel=panel(),
            release="f" * 64,
            reason="",
            at=T0,
        )


def test_an_approval_names_the_bytes_and_the_evidence(store):
    version = bring(store, State.IN_REVIEW)

    row = lib.approve(store, version)

    assert row.evidence[0] == release_of(version)
    assert set(row.evidence[1:]) == {each.evidence for each in store.find(Verdict)}
    assert (row.actor, row.role, row.reason) == ("rita", "reviewer", "looks right")


def test_a_second_reviewer_is_told_that_it_is_decided(store):
    version = bring(store, State.APPROVED)

    with pytest.raises(Refused, match="is approved"):
        lib.approve(store, version, "Rob")
    with pytest.raises(Refused, match="is approved"):
        lib.reject(store, version)


def test_a_rejected_version_stays_rejected(store):
    version = bring(store, State.IN_REVIEW)
    lib.reject(store, version)

    with pytest.raises(Refused, match="is rejected"):
        lib.approve(store, version)


def test_a_rejection_needs_a_reason(store):
    with pytest.raises(Refused, match="reason"):
        lib.reject(store, bring(store, State.IN_REVIEW), reason=" ")


def test_the_review_queue_holds_what_waits(store):
    waiting = [bring(store, State.IN_REVIEW, run) for run in "abc"]
    lib.reject(store, waiting[1])
    bring(store, State.IN_REVIEW, surface="ads")

    assert promotion.review_queue(store, "feed") == (waiting[0], waiting[2])


def test_the_first_champion_has_no_last_good(store):
    version = bring(store, State.CHAMPION_PROVISIONAL)

    assert promotion.champion_of(store, "feed") == Champion(
        "feed", 1, release_of(version), 1, None, None
    )


def test_the_champion_so_far_retires_and_is_last_good(store):
    first = bring(store, State.CHAMPION, "a")
    second = bring(store, State.CHAMPION_PROVISIONAL, "b")

    expected = Champion("feed", 2, release_of(second), 2, 1, release_of(first))
    assert promotion.champion_of(store, "feed") == expected
    assert state(store, first) is State.RETIRED


def test_a_provisional_champion_that_is_replaced_was_never_good(store):
    first = bring(store, State.CHAMPION, "a")
    second = bring(store, State.CHAMPION_PROVISIONAL, "b")
    bring(store, State.CHAMPION_PROVISIONAL, "c")

    champion = promotion.champion_of(store, "feed")
    assert (champion.version, champion.last_good_version) == (3, first.number)
    assert state(store, second) is State.RETIRED


@pytest.mark.parametrize(
    "reached", [State.CANDIDATE, State.GATED, State.PACKAGED, State.IN_REVIEW]
)
def test_a_version_that_was_not_approved_is_held(store, reached):
    with pytest.raises(Held, match="cannot serve"):
        lib.promote(store, bring(store, reached))
    assert store.find(Champion) == store.find(OutboxRow) == ()


def promote_by(store, version, **changes):
    values = {
        "mandatory": MANDATORY,
        "judged_against": None,
        "idempotency_key": "key",
        "panel": panel(),
        **BY_FLOW,
    }
    return promotion.promote(store, version, **{**values, **changes})


def test_with_no_mandatory_gate_nothing_is_promoted(store):
    version = bring(store, State.APPROVED)

    with pytest.raises(Held, match="no gate is mandatory"):
        promote_by(store, version, mandatory=())


@pytest.mark.parametrize(
    ("judged", "told"), [(None, "no champion"), ("f" * 64, "release ffffffffffff")]
)
def test_a_candidate_that_was_judged_against_another_champion_is_held(store, judged, told):
    bring(store, State.CHAMPION, "a")
    version = bring(store, State.APPROVED, "b")

    with pytest.raises(Held, match=f"judged against {told}, but release 0000"):
        promote_by(store, version, judged_against=judged)
    assert promotion.champion_of(store, "feed").version == 1


def test_a_retry_is_answered_though_the_champion_has_moved_by_then(store):
    version = bring(store, State.APPROVED)
    first = promote_by(store, version)
    bring(store, State.CHAMPION, "b")

    assert promote_by(store, version) == first


def test_a_key_of_another_promotion_is_a_conflict(store):
    lib.promote(store, bring(store, State.APPROVED, "a"), key="tuesday")

    with pytest.raises(Conflict, match="'tuesday' belongs to promote of version 1"):
        lib.promote(store, bring(store, State.APPROVED, "b"), key="tuesday")


@pytest.mark.parametrize("standing", [State.RETIRED, State.ROLLED_BACK, State.APPROVED])
def test_only_the_provisional_champion_is_confirmed(store, standing):
    bring(store, State.CHAMPION, "a")
    version = bring(store, State.APPROVED, "b")
    if standing is not State.APPROVED:
        lib.promote(store, version)
    if standing is State.RETIRED:
        bring(store, State.CHAMPION_PROVISIONAL, "c")
    if standing is State.ROLLED_BACK:
        lib.rollback(store)

    with pytest.raises(Refused, match=f"is {standing}; confirm needs champion_provisional"):
        lib.confirm(store, version)


@pytest.mark.parametrize("reached", [State.CHAMPION_PROVISIONAL, State.CHAMPION])
def test_a_rollback_puts_the_last_good_one_back(store, reached):
    first = bring(store, State.CHAMPION, "a")
    second = bring(store, reached, "b")

    row = lib.rollback(store)

    assert promotion.champion_of(store, "feed") == Champion(
        "feed", 1, release_of(first), 3, None, None
    )
    assert (state(store, first), state(store, second)) == (
        State.CHAMPION,
        State.ROLLED_BACK,
    )
    assert (row.version, row.epoch, row.reason) == (2, 3, "clicks fell")
    assert store.find(OutboxRow)[-1].release == release_of(first)


def test_a_rollback_without_a_last_good_version_is_held(store):
    bring(store, State.CHAMPION)

    with pytest.raises(Held, match="nothing to roll back to"):
        lib.rollback(store)


def test_a_rollback_without_champion_or_reason_is_refused(store):
    with pytest.raises(NotFound, match="no champion"):
        lib.rollback(store)
    bring(store, State.CHAMPION)
    with pytest.raises(Refused, match="reason"):
        lib.rollback(store, reason="")


def test_the_history_shows_every_move_of_the_pointer(store):
    for run in "ab":
        bring(store, State.CHAMPION, run)
    lib.rollback(store)
    bring(store, State.CHAMPION, surface="ads")

    rows = promotion.history(store, "feed")
    assert [(row.action, row.version, row.epoch) for row in rows] == [
        ("promote", 1, 1),
        ("promote", 2, 2),
        ("rollback", 2, 3),
    ]


def test_every_step_done_twice_leaves_one_ledger_row(store):
    bring(store, State.CHAMPION, "a")
    bring(store, State.CHAMPION, "b")
    lib.rollback(store)
    before = actions(store)

    for run in "ab":
        bring(store, State.CHAMPION, run)
    lib.rollback(store)

    assert actions(store) == before
    assert before.count("rollback") == 1


def test_a_retry_may_come_later_from_another_actor(store):
    version = bring(store, State.GATED)
    first = lib.package(store, version)

    again = promotion.package(
        store, version, release_of(version), actor="bob", at=T0 + timedelta(1)
    )

    assert again == first


def test_an_unregistered_version_is_not_found(store):
    stranger = Version(**vars(a_draft()), number=7, created_at=T0)

    with pytest.raises(NotFound, match="version 7 of feed is not registered"):
        lib.confirm(store, stranger)
