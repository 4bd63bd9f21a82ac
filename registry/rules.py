"""The rules of the game: what a candidate was judged by, against what the champion was.

A margin that is raised, a gate that is no longer mandatory, or a reviewer who was added decides as much as
a figure does. So what is laxer than it was for the champion stands at the top of the evidence, and
holds the version until one of the champion's reviewers approves it by name.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sluice.data.digest import json_digest
from sluice.data.durations import parse_duration
from sluice.errors import Held, Refused
from sluice.registry.approvals import Panel, authors
from sluice.registry.champions import history
from sluice.registry.moves import made, named, position_of
from sluice.registry.people import person
from sluice.registry.review import ensure_may_review
from sluice.registry.review_keys import Signatory
from sluice.registry.review_signature import is_signed, signed
from sluice.store.port import Store
from sluice.store.records import (
    Champion,
    Document,
    LedgerRow,
    Release,
    State,
    Transition,
    Version,
)

ACTION = "rules"
KIND = "rules"
"""Of the document that a promotion leaves: who had to approve, and how long it bakes."""
_LAXER_UP = frozenset(
    {
        "margin", "ceiling", "near", "near_from", "believable", "believable_first", "p99_ms",
        "memory_mb",
    }
)  # fmt: skip
"""Thresholds that let more through where they are raised; all others do where they are lowered."""
_ORDER = ("non_inferiority", "equivalence", "superiority")
"""Rules of a comparison, each asking more than those before."""


def rules_document(panel: Panel, bake: timedelta, at: datetime) -> Document:
    """What a promotion notes of the rules that no candidate's declaration holds."""
    body = {
        "approvers": panel.approvers,
        "reviewers": sorted(panel.reviewers),
        "bake_seconds": int(bake.total_seconds()),
    }
    return Document.of(KIND, body, at)


def laxer_rules(
    store: Store, version: Version, panel: Panel, bake: timedelta
) -> tuple[str, ...]:
    """What is laxer for the version than it was for the champion, one sentence each.

    Empty where there is no champion, or the version is it. Of a champion that was promoted before
    rules were noted, the declared gates are compared, and neither people nor bake.
    """
    champion = store.get(Champion, surface=version.surface)
    if champion is None or champion.version == version.number:
        return ()
    judged = last_judged(store, champion)
    before = _declared(store, version.surface, judged)
    after = _declared(store, version.surface, version.number)
    noted = _noted(store, version.surface, judged)
    people = () if noted is None else _people(noted, panel, bake)
    return (*_gates(before, after), *people)


def ensure_rules(store: Store, version: Version, panel: Panel, bake: timedelta) -> None:
    """Hold a version that was judged by laxer rules than the champion, unless that is approved.

    Raises:
        Held: it was; the message says by which, and who may approve them.
    """
    laxer = laxer_rules(store, version, panel, bake)
    if not laxer or _approved(store, version, panel, laxer):
        return
    raise Held(
        f"{named(version)} was judged by laxer rules than the champion: {'; '.join(laxer)}; one of "
        f"{', '.join(_entitled(store, version, panel))} may approve them by name: "
        f"sluice review rules {version.surface} {version.number} --reviewer NAME --reason WHY"
    )


def approve_rules(  # noqa: PLR0913 - the parts of a decision, each named at the call
    store: Store,
    version: Version,
    *,
    by: Signatory,
    panel: Panel,
    bake: timedelta,
    reason: str,
    at: datetime,
) -> LedgerRow:
    """Approve by name that the version was judged by laxer rules than the champion.

    Args:
        store: where the decision is kept.
        version: in review or approved.
        by: who decides, and signs: a reviewer of the champion's time with no part in the version.
        panel: who may review now, and whose signatures count.
        bake: how long a version serves before another may follow.
        reason: why.
        at: when.

    Raises:
        Refused: nothing is laxer, there is no reason, the person may not, or the version does not
            wait for a decision.
    """
    laxer = laxer_rules(store, version, panel, bake)
    if not laxer:
        raise Refused(f"{named(version)} was judged by no laxer rules than the champion")
    if not reason.strip():
        raise Refused(f"approving the rules of {named(version)} needs a reason")
    ensure_may_review(store, version, by, panel)
    if by.name not in _entitled(store, version, panel):
        raise Refused(
            f"{by.name!r} was no reviewer when the champion was promoted, and cannot approve new rules"
        )
    state = position_of(store, version).state
    if state not in {State.IN_REVIEW, State.APPROVED}:
        raise Refused(f"{named(version)} is {state}; its rules wait for nobody")
    terms = store.put(_terms(version, laxer, at))
    key = f"rules:{version.surface}:{version.number}:{terms.digest}:{person(by.name)}"
    if row := made(store, key):
        return row
    transition = Transition(
        surface=version.surface, version=version.number, action=ACTION, expected=state, after=state,
        actor=by.name, role="reviewer", reason=reason, idempotency_key=key, at=at,
        evidence=(terms.digest,),
    )  # fmt: skip
    return store.transition(signed(store, transition, panel.reviewers, by.key))


def _terms(version: Version, laxer: tuple[str, ...], at: datetime) -> Document:
    body = {"surface": version.surface, "version": version.number, "laxer": list(laxer)}
    return Document.of("rules.laxer", body, at)


def _approved(store: Store, version: Version, panel: Panel, laxer: tuple[str, ...]) -> bool:
    digest = _terms(version, laxer, version.created_at).digest
    entitled = {person(name) for name in _entitled(store, version, panel)}
    rows = store.find(
        LedgerRow, surface=version.surface, version=version.number, action=ACTION
    )
    may = entitled - authors(store, version)
    about = (row for row in rows if row.evidence == (digest,) and person(row.actor) in may)
    return any(is_signed(row, panel.trust) for row in about)


def _entitled(store: Store, version: Version, panel: Panel) -> list[str]:
    """Reviewers now who were so when the champion was promoted: nobody lets in themselves."""
    champion = store.get(Champion, surface=version.surface)
    judged = last_judged(store, champion) if champion else None
    noted = _noted(store, version.surface, judged) if judged else None
    before = panel.reviewers if noted is None else noted["reviewers"]
    return sorted(set(before) & set(panel.reviewers))


def last_judged(store: Store, champion: Champion) -> int:
    """The last version that came to serve by a promotion: the champion's, but where a baseline serves.

    A baseline was judged by nobody, so the rules that hold are still those of before it.
    """
    for row in reversed(history(store, champion.surface)):
        release = store.get(Release, surface=champion.surface, digest=row.evidence[0])
        if release and _promotions(store, champion.surface, release.version):
            return release.version
    return champion.version


def _promotions(store: Store, surface: str, version: int) -> Sequence[LedgerRow]:
    return store.find(LedgerRow, surface=surface, version=version, action="promote")


def _noted(store: Store, surface: str, version: int) -> Mapping[str, Any] | None:
    """What the newest promotion of the version noted; None of one of before.

    Raises:
        Held: a document that it relied on was changed since, so nobody knows what it noted.
    """
    evidence = (
        store.get(Document, digest=digest)
        for row in _promotions(store, surface, version)
        for digest in row.evidence
    )
    documents = [document for document in evidence if document is not None]
    for document in documents:
        if json_digest(document.body) != document.digest:
            raise Held(
                f"document {document.digest[:12]}, by which version {version} of "
                f"{surface} was promoted, was changed; `sluice audit verify` says what else was"
            )
    noted = [document.body for document in documents if "bake_seconds" in document.body]
    return noted[-1] if noted else None


def _declared(store: Store, surface: str, number: int) -> Mapping[str, Any]:
    version = store.get(Version, surface=surface, number=number)
    document = store.get(Document, digest=version.spec) if version else None
    return document.body.get("gates", {}) if document else {}


def _people(noted: Mapping[str, Any], panel: Panel, bake: timedelta) -> Iterator[str]:
    if panel.approvers < noted["approvers"]:
        yield f"{panel.approvers} people approve, {noted['approvers']} did"
    if bake.total_seconds() < noted["bake_seconds"]:
        yield f"it bakes {int(bake.total_seconds())} s, the champion {noted['bake_seconds']} s"
    if new := sorted(set(panel.reviewers) - set(noted["reviewers"])):
        yield f"new reviewers: {', '.join(new)}"


def _gates(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """A value that is gone, or is not known to be as strict, counts as laxer."""
    if missing := [
        gate
        for gate in before.get("mandatory", ())
        if gate not in after.get("mandatory", ())
    ]:
        yield f"no longer mandatory: {', '.join(missing)}"
    for gate, was in before.items():
        if not isinstance(was, dict):
            continue
        now = after.get(gate, {})
        for name, value in was.items():
            if name not in now or _is_laxer(name, value, now[name]):
                yield f"{gate}.{name} is {now.get(name, 'gone')}, was {value}"


def _is_laxer(name: str, was: Any, now: Any) -> bool:
    if was == now:
        return False
    if isinstance(was, str) and name == "max_age":
        return parse_duration(now) > parse_duration(was)
    if name == "rule":
        return _ORDER.index(now) < _ORDER.index(was)
    if isinstance(was, list):
        # What is named as strong by right is held by less; other lists name what is looked at.
        return not (set(now) <= set(was) if name == "strong" else set(was) <= set(now))
    if (
        isinstance(was, bool)
        or not isinstance(was, int | float)
        or not isinstance(now, int | float)
    ):
        return True
    return now > was if name in _LAXER_UP or name.startswith("max_") else now < was
