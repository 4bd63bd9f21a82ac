"""Why a row is refused, in words for whoever sent it; nothing of the row is repeated."""

from sluice.data.batch import RefusedRow
from sluice.data.limits import MAX_CANDIDATES, MAX_ID_CHARACTERS, OLDEST
from sluice.data.row_rules import MAX_GRADE, MAX_STARS, MAX_VALUE
from sluice.data.schema import FeedbackKind

_BECAUSE = {
    "null": "{field} is missing",
    "empty": "{field} is an empty text",
    "too_long": f"{{field}} has more than {MAX_ID_CHARACTERS} characters",
    "in_the_future": "{field} lies in the future",
    "before_1990": f"{{field}} lies before {OLDEST.year}; times count µs",
    "below_1": "{field} is below 1, the top slot",
    "not_finite": "{field} is not a finite number",
    "not_in_0_1": "{field} does not lie between 0 and 1",
    "negative": "{field} is negative",
    "denormal": "{field} is too small to be a number of anything",
    "too_large": f"{{field}} is larger than {MAX_VALUE:,.0f}",
    "before_ts": "{field} lies before ts",
    "before_exposure": "{field} lies before the time of the request that it answers",
    "differs": "{field} is not that of the request",
    "conflict": "the log holds the same event with other values",
}
_BECAUSE_OF = {
    "feedback.kind.unknown": "kind is none of " + ", ".join(FeedbackKind),
    "feedback.relevance.not_a_grade": f"a relevance is a whole grade from 0 to {MAX_GRADE}",
    "feedback.rating.not_in_0_5": f"a rating lies between 0 and {MAX_STARS}",
    "feedback.request.unknown": "no request of this id was shown",
    "feedback.item.not_shown": "the request did not show this item",
    "exposures.request.several_ts": "its request has another ts",
    "exposures.request.several_user_id": "its request has another user_id",
    "exposures.request.several_surface": "its request has another surface",
    "exposures.request.too_large": f"its request has {MAX_CANDIDATES:,} items already",
}
_FIELD_OF = {
    "feedback.relevance.not_a_grade": "value",
    "feedback.rating.not_in_0_5": "value",
    "feedback.request.unknown": "request_id",
    "feedback.item.not_shown": "item_id",
    "feedback.user.differs": "user_id",
    "exposures.request.several_ts": "ts",
    "exposures.request.several_user_id": "user_id",
    "exposures.request.several_surface": "surface",
    "exposures.request.too_large": "request_id",
}


def refused_row(table: str, row: int, code: str) -> RefusedRow:
    """The refusal of a row by the rule of that name."""
    field = _field(code)
    because = _BECAUSE_OF.get(code) or _BECAUSE[code.rpartition(".")[2]].format(field=field)
    return RefusedRow(table, row, field, code, f"Cannot take this row because {because}")


def _field(code: str) -> str | None:
    if code in _FIELD_OF:
        return _FIELD_OF[code]
    inner = code.split(".")[1:-1]
    return inner[0] if inner else None
