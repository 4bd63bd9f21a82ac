"""One answer: the request as of the state's time, its ranking, and what the answer says of itself."""

from dataclasses import dataclass

from sluice.data.limits import CLOCK_AHEAD
from sluice.errors import DataError, StaleState
from sluice.features.declaration.layout import NEVER
from sluice.features.state.feature_state import FeatureState, Request
from sluice.serving.live_state import LiveState
from sluice.serving.port import Answer
from sluice.serving.prediction import Prediction, sampled
from sluice.serving.problem import Code, unfit
from sluice.serving.request import RankRequest
from sluice.serving.scorer import Ranking
from sluice.serving_spec import ServingSpec

STALE = "stale_state"
"""The newest event of the state is older than the surface declares."""
CLOCK_BEHIND = "clock_behind"
"""The server's clock lies before what the state counted; it answers as of the state's own time."""

_TOLERANCE = round(CLOCK_AHEAD.total_seconds() * 1e6)


@dataclass(frozen=True)
class Asked:
    """A request with the id it is answered under, and who answers."""

    request: RankRequest
    request_id: str
    now: int
    """µs since the epoch."""
    arm: str
    epoch: int | None


def answer(
    live: LiveState, query: Asked, declared: ServingSpec
) -> tuple[Answer, Prediction]:
    """Rank one request from a live state.

    Raises:
        Rejected: 422 where its time or context does not fit the release.
    """
    state, scorer = live.state, live.release.scorer
    request, behind = _as_of(state, query)
    try:
        ranking = scorer.rank(request, query.request.revenue, query.request_id)
    except (StaleState, DataError) as error:
        message = f"the request does not fit the release: {error}"
        raise unfit(None, Code.DOES_NOT_FIT, message) from error
    age = state_age(state, request.ts)
    reasons = degradation(age, declared, clock_behind=behind)
    prediction = _prediction(live, query, request, ranking, declared, reasons)
    return _answer(live, query, prediction, age, reasons), prediction


def state_age(state: FeatureState, at: int) -> int | None:
    """µs from the receipt of the newest event in the state to `at`; None where it holds none."""
    if state.newest == NEVER:
        return None
    return max(0, at - state.newest + state.plan.program.embargo)


def degradation(
    age: int | None, declared: ServingSpec, *, clock_behind: bool = False
) -> tuple[str, ...]:
    """Why an answer from a state of this age (µs) is worse than declared; empty where it is not."""
    stale = age is None or age > declared.max_state_age_us
    return ((STALE,) if stale else ()) + ((CLOCK_BEHIND,) if clock_behind else ())


def _as_of(state: FeatureState, query: Asked) -> tuple[Request, bool]:
    """The request at its time, or at the state's where clocks differ; and whether ours is far behind.

    Two clients' clocks differ by some milliseconds, so a request may lie just before what another's
    request let the state count. A request that names a time long past cannot be answered any more.
    """
    body = query.request
    if unknown := [name for name in body.context if name not in state.context]:
        there = ", ".join(state.context) or "none"
        raise unfit(
            "context",
            Code.UNKNOWN_FIELD,
            f"{len(unknown)} unknown name(s); there are: {there}",
        )
    ts = query.now if body.ts is None else body.ts
    short = state.earliest - ts if state.clock != NEVER else 0
    if short > _TOLERANCE and body.ts is not None:
        raise unfit(
            "ts",
            Code.DOES_NOT_FIT,
            "the state has counted what came after this time; ask for a later time, or leave ts out",
        )
    moment = ts + max(0, short)
    return Request(body.user_id, body.candidates, moment, body.context), short > _TOLERANCE


def _prediction(
    live: LiveState,
    query: Asked,
    request: Request,
    ranking: Ranking,
    declared: ServingSpec,
    reasons: tuple[str, ...],
) -> Prediction:
    kept = sampled(query.request_id, declared.predictions.features)
    return Prediction(
        request_id=query.request_id,
        ts=request.ts,
        user_id=request.user_id,
        candidates=request.item_ids,
        scores=tuple(ranking.scores.tolist()),
        order=tuple(ranking.order.tolist()),
        propensities=tuple(ranking.propensities.tolist()),
        release=live.release.digest,
        features_digest=ranking.features_digest,
        context={name: _plain(value) for name, value in request.context.items()},
        features=ranking.features.tobytes() if kept else None,
        feed_position=live.progress.position,
        state_clock=live.state.clock,
        unknown_items=ranking.unknown.items,
        unknown_user=ranking.unknown.user,
        degraded=bool(reasons),
        arm=query.arm,
    )


def _plain(value: object) -> float | tuple[float, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else float(value)  # pyright: ignore[reportArgumentType]


def _answer(
    live: LiveState,
    query: Asked,
    prediction: Prediction,
    age: int | None,
    reasons: tuple[str, ...],
) -> Answer:
    candidates, scores = prediction.candidates, prediction.scores
    return Answer(
        request_id=prediction.request_id,
        release=prediction.release,
        epoch=query.epoch,
        version=live.release.manifest.provenance.version,
        ts=prediction.ts,
        items=[
            (candidates[row], scores[row], slot)
            for slot, row in enumerate(prediction.order, start=1)
        ],
        state_age_s=None if age is None else age / 1e6,
        degraded=prediction.degraded,
        reasons=reasons,
        unknown_items=prediction.unknown_items,
        unknown_user=prediction.unknown_user,
        arm=query.arm,
    )
