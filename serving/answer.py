"""Answers and readiness as the JSON that goes out."""

from typing import Any

from sluice.serving.port import Answer, Intake, Readiness, RefusalReason, Status
from sluice.serving.problem import Code, Rejected

_REFUSED = {
    RefusalReason.UNTRUSTED: "the signature of the release named is missing or wrong",
    RefusalReason.DAMAGED: "the bytes of the release named are not those that were approved",
    RefusalReason.UNFIT: "the release named cannot answer its golden requests",
    RefusalReason.POINTER: "what names the release cannot be read, or went back",
    RefusalReason.OTHER: "the release named is not in service",
}


def answer_json(answer: Answer) -> dict[str, Any]:
    """The body of an answer to POST /rank; `epoch` only where a pointer is followed."""
    content: dict[str, Any] = {
        "request_id": answer.request_id,
        "release": answer.release,
        "version": answer.version,
        "arm": answer.arm,
        "ts": answer.ts,
        "state_age_s": answer.state_age_s,
        "degraded": answer.degraded,
        "reasons": answer.reasons,
        "unknown_items": answer.unknown_items,
        "unknown_user": answer.unknown_user,
        "items": [
            {"item_id": item_id, "score": score, "position": position}
            for item_id, score, position in answer.items
        ],
    }
    if answer.epoch is not None:
        content["epoch"] = answer.epoch
    return content


def intake_json(intake: Intake) -> dict[str, Any]:
    return {
        "accepted": intake.accepted,
        "repeated": intake.repeated,
        "refused": [
            {
                "table": row.table,
                "row": row.row,
                "field": row.field,
                "code": row.code,
                "message": row.message,
            }
            for row in intake.refused
        ],
    }


def readiness_json(readiness: Readiness, *, stranger: bool) -> dict[str, Any]:
    """How the service stands; who shows no token where one is needed learns the status alone."""
    content: dict[str, Any] = {"status": readiness.status}
    if not readiness.answers:
        content["error"] = _why_not(readiness, stranger=stranger)
    if stranger:
        return content
    for name in (
        "release",
        "surface",
        "version",
        "epoch",
        "state_age_s",
        "position",
        "behind",
        "late",
    ):
        if (value := getattr(readiness, name)) is not None:
            content[name] = value
    if readiness.refused is not None:
        content["refused"] = {
            "code": readiness.refused,
            "message": refused_words(readiness),
        }
    if readiness.reasons:
        content["reasons"] = readiness.reasons
    return content


def refused_words(readiness: Readiness) -> str:
    """Why a release is not in service, without a path; the log has the details."""
    reason = readiness.refused or RefusalReason.OTHER
    return f"{_REFUSED[reason]}; the server's log says why"


def _why_not(readiness: Readiness, *, stranger: bool) -> dict[str, str | None]:
    message = "no release has been verified yet"
    if readiness.status is Status.CATCHING_UP:
        message = "the state is being brought to now"
    elif readiness.status is Status.REFUSED:
        message = "no release is in service" if stranger else refused_words(readiness)
    return {"code": Code.NO_RELEASE, "field": None, "message": message}


def error_json(error: Rejected) -> dict[str, Any]:
    """An error in the place of one answer of a batch."""
    return {
        "error": {"code": error.code, "field": error.field, "message": str(error)},
        "status": error.status,
    }
