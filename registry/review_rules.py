"""Who may write what to MLflow's model registry, and what the tag `review` decides.

Trainers tag what stands under `SURFACE-candidates`; its versions, the aliases, the champions and all that Sluice put there are the
promoter's; a review is decided by `sluice.registry.review` for everybody, the promoter included. MLflow
itself knows one right to write for all of these.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sluice.errors import Conflict, Refused, UserError
from sluice.registry.approvals import Panel
from sluice.registry.lookalikes import passes_for
from sluice.registry.mirror import ALIAS
from sluice.registry.mlflow_candidate import candidates_model
from sluice.registry.moves import version_of
from sluice.registry.review import approve, ensure_may_review, reject
from sluice.registry.review_keys import Signatory
from sluice.registry.review_tags import REVIEW
from sluice.registry.tracking import RELEASE, VERSION
from sluice.store.port import Store
from sluice.store.records import LedgerRow

_SET_TAG = "SetModelVersionTag"
_OURS = ("sluice.", "mlflow.")
_OUR_ALIAS = "candidate-"


class Who(StrEnum):
    """Who may make a request, of those who are signed in."""

    ANYBODY = "anybody"
    REVIEWER = "reviewer"
    """A declared reviewer with no part in the version, while it is in review."""
    PROMOTER = "promoter"


@dataclass(frozen=True)
class Rights:
    """Who may make one kind of request, by the model that it names."""

    candidates: Who
    champions: Who


_READ = Rights(candidates=Who.ANYBODY, champions=Who.ANYBODY)
_TRAIN = Rights(candidates=Who.ANYBODY, champions=Who.PROMOTER)
_PROMOTE = Rights(candidates=Who.PROMOTER, champions=Who.PROMOTER)

MATRIX: Mapping[str, Rights] = {
    "GetLatestVersions": _READ,
    "GetModelVersion": _READ,
    "GetModelVersionByAlias": _READ,
    "GetModelVersionDownloadUri": _READ,
    "GetRegisteredModel": _READ,
    "SearchModelVersions": _READ,
    "SearchRegisteredModels": _READ,
    # What may be written here depends on the tag and the alias too; see `needed`.
    "SetModelVersionTag": _TRAIN,
    "SetRegisteredModelAlias": _TRAIN,
    # A candidate's description is the evidence that the reviewer reads, and flows alone make candidates.
    "CreateModelVersion": _PROMOTE,
    "CreateRegisteredModel": _PROMOTE,
    "DeleteModelVersion": _PROMOTE,
    "DeleteModelVersionTag": _PROMOTE,
    "DeleteRegisteredModel": _PROMOTE,
    "DeleteRegisteredModelAlias": _PROMOTE,
    "DeleteRegisteredModelTag": _PROMOTE,
    "RenameRegisteredModel": _PROMOTE,
    "SetRegisteredModelTag": _PROMOTE,
    "TransitionModelVersionStage": _PROMOTE,
    "UpdateModelVersion": _PROMOTE,
    "UpdateRegisteredModel": _PROMOTE,
    # Whoever makes an experiment owns it, and the surface's holds the evidence pages.
    "CreateExperiment": _TRAIN,
    "UpdateExperiment": _TRAIN,
}
"""Every request of MLflow's model registry; one that is not listed is the promoter's."""


@dataclass(frozen=True)
class Request:
    """What a request to MLflow names, as MLflow itself reads it."""

    kind: str
    """MLflow's name for it, such as SetModelVersionTag."""
    names: tuple[str, ...]
    """Models or experiments; a rename has two."""
    tags: tuple[str, ...] = ()
    """Keys of the tags that it sets or deletes."""
    alias: str | None = None
    location: str | None = None
    """Folder that an experiment wants its files in."""


def needed(request: Request, surfaces: Collection[str]) -> Who:
    """Who may make the request: the strictest that its names, its tags and its alias ask for.

    Nobody else chooses where the server keeps files, for that may be where evidence is kept.
    """
    rights = MATRIX.get(request.kind, _PROMOTE)
    candidates = {candidates_model(surface) for surface in surfaces}
    required = {rights.champions for name in request.names if name in surfaces}
    required |= {rights.candidates for name in request.names if name in candidates}
    if request.location:
        return Who.PROMOTER
    if required and rights is not _READ:
        required |= {_of_tag(request.kind, key) for key in request.tags}
        required |= {_of_alias(request.alias)} if request.alias else set()
    return next(
        (who for who in (Who.PROMOTER, Who.REVIEWER) if who in required), Who.ANYBODY
    )


def ensure_allowed(
    request: Request, user: str, promoter: str, surfaces: Collection[str]
) -> None:
    """Let a request pass, unless it is the promoter's and the user is somebody else.

    Raises:
        Refused: it is; the message says what was asked and who may.
    """
    if needed(request, surfaces) is Who.PROMOTER and user != promoter:
        what = ", ".join((*request.tags, *([request.alias] if request.alias else ())))
        raise Refused(
            f"{user!r} may not do {request.kind} {f'of {what} ' if what else ''}"
            f"on {' and '.join(request.names)}: only the promoter {promoter!r} may"
        )


def _of_tag(kind: str, key: str) -> Who:
    if key == REVIEW and kind == _SET_TAG:
        return Who.REVIEWER
    return Who.PROMOTER if passes_for(key, (REVIEW,), _OURS) else Who.ANYBODY


def _of_alias(alias: str) -> Who:
    return Who.PROMOTER if passes_for(alias, (ALIAS,), (_OUR_ALIAS,)) else Who.ANYBODY


@dataclass(frozen=True)
class Decision:
    """What a reviewer wrote into the tag."""

    approved: bool
    reason: str


def decision(text: str) -> Decision:
    """Read the tag's value: `approved`, `approved: why` or `rejected: why`.

    Raises:
        UserError: it is neither, or a rejection without a reason.
    """
    verdict, _, why = (part.strip() for part in text.partition(":"))
    if verdict == "approved" or (verdict == "rejected" and why):
        return Decision(verdict == "approved", why)
    raise UserError(
        f"the tag {REVIEW} is {text!r}; write `approved`, or `rejected: ` and the reason"
    )


def decide(  # noqa: PLR0913 - a decision has that many parts, and each is named at the call
    store: Store,
    surface: str,
    tags: Mapping[str, str],
    decided: Decision,
    *,
    by: Signatory,
    panel: Panel,
    at: datetime,
) -> LedgerRow:
    """Write a reviewer's decision to the ledger; the same decision again is the same row.

    Args:
        store: where the decision is kept.
        surface: whose candidate it is.
        tags: of the version in MLflow, which name ours and the release that its evidence is about.
        decided: what the reviewer wrote.
        by: who is signed in, with the key that signs the decision.
        panel: who may decide, how many people have to approve, and whose signatures count.
        at: when.

    Raises:
        Refused: the reviewer is the author or no reviewer of the surface.
        Conflict: the version is not Sluice's or not in review, its release is not the one that its
            evidence names, or the reviewer has decided it otherwise before.
    """
    if not tags.get(VERSION, "").isdecimal():
        raise Conflict(
            f"this version of {candidates_model(surface)} was not made by Sluice, so there is no evidence to review"
        )
    version = version_of(store, surface, int(tags[VERSION]))
    ensure_may_review(store, version, by, panel)
    who = {"by": by, "panel": panel, "reason": decided.reason, "at": at}
    try:
        if decided.approved:
            release = tags.get(RELEASE, "none")
            row = approve(store, version, release=release, **who)
        else:
            row = reject(store, version, **who)
    except Refused as error:
        raise Conflict(str(error)) from error
    if decided.reason not in {"", row.reason}:
        raise Conflict(
            f"{by.name!r} decided this in ledger row {row.sequence} already, "
            f"for the reason {row.reason!r}; the first word stands"
        )
    return row
