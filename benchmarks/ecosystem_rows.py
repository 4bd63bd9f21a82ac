"""Rows W1 to W8 of worlds, S1 and S2 of scorecards: what each runs, and what must hold."""

import hashlib
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.ecosystem_card import cost, log_of
from benchmarks.ecosystem_coverage import held, hits
from sluice.world.creators import Creators, creators
from sluice.world.loop import World
from sluice.world.named import named
from sluice.world.policy import Policy
from sluice.world.spec import WorldSpec
from sluice.world.twin import Arms, Effect, effect, twins

Map = Callable[[Callable[..., object], Iterable[object]], Sequence[object]]


@dataclass(frozen=True)
class Row:
    """One figure against its threshold."""

    name: str
    value: str
    threshold: str
    holds: bool


@dataclass(frozen=True)
class Job:
    """One seed of a comparison; `changed` is what the second arm does otherwise."""

    spec: WorldSpec
    changed: Policy
    days: int
    seed: int


REMOVED, FLOORED, LESS_FLOORED = Policy(spacing=0.0), Policy(floor=0.9), Policy(floor=0.6)
_CREATORS = WorldSpec(
    providers=300, satiation=0.06, annoyance=0.012, starving=0.0, hazard=0.0, newcomers=0.0,
    dose_by_item=True, response_limit=5.0,
)  # fmt: skip


def lived(job: Job) -> Arms:
    return twins(job.spec, {"kept": Policy(), "changed": job.changed}, job.seed, job.days)


def creators_of(seed: int) -> Creators:
    return creators(_CREATORS, Policy(), seed)


def over(spec: WorldSpec, changed: Policy, days: int, seeds: int, run: Map) -> list[Arms]:
    return list(run(lived, [Job(spec, changed, days, seed) for seed in range(seeds)]))  # pyright: ignore[reportReturnType] - a pool's map forgets the type


def of(arms: list[Arms], measure: str, first: int, last: int) -> Effect:
    return effect(arms, "changed", "kept", measure, slice(first, last))


def percent(measured: Effect) -> str:
    return f"{measured.mean:+.1%} ± {measured.error:.1%}"


def pattern(seeds: int | None, run: Map) -> list[Row]:
    """W1 and W3: removing spacing gains the day and costs the second week, and no request shows it."""
    count = seeds or 20
    arms = over(named("tiring").spec, REMOVED, 14, count, run)
    first, later = of(arms, "clicks", 0, 1), of(arms, "clicks", 7, 14)
    both = reversals(first, later)
    far = first.mean > 4 * first.error and later.mean < -4 * later.error
    rate, active = of(arms, "clicks_per_visit", 7, 14), of(arms, "active", 7, 14)
    return [
        Row("W1", f"day 1 {percent(first)}, days 8-14 {percent(later)}, both in {both}/{count}",
            "both signs in 90 % of seeds, means beyond 4 se", both >= 0.9 * count and far),
        Row("W3", f"clicks a visit {percent(rate)}, people {percent(active)}",
            "within 1 %; people below -2.5 %", abs(rate.mean) <= 0.01 and active.mean < -0.025),
    ]  # fmt: skip


def reversals(first: Effect, later: Effect) -> int:
    pairs = zip(first.changes, later.changes, strict=True)
    return sum(day > 0 > week for day, week in pairs)


def control(seeds: int | None, run: Map) -> list[Row]:
    """W2: where nobody tires there is no reversal."""
    count = seeds or 20
    arms = over(named("tireless").spec, REMOVED, 14, count, run)
    later = of(arms, "clicks", 7, 14)
    both = reversals(of(arms, "clicks", 0, 1), later)
    return [
        Row("W2", f"reversal in {both}/{count}, days 8-14 {percent(later)}",
            "reversal in 5 % of seeds at most, mean beyond 2 se up",
            both <= 0.05 * count and later.mean > 2 * later.error)
    ]  # fmt: skip


def scarce(seeds: int | None, run: Map) -> list[Row]:
    """W4: where providers starve, floors keep supply, and people gain months later."""
    count = seeds or 12
    arms = over(named("scarce").spec, FLOORED, 84, count, run)
    supply, clicks = of(arms, "publishing", 77, 84), of(arms, "clicks", 77, 84)
    early = of(arms, "clicks", 0, 3)
    kept = supply.mean > 0.2 and supply.ups >= 11 / 12 * count and early.mean > -0.01
    gained = clicks.mean > max(0.1, 3 * clicks.error) and clicks.ups >= 10 / 12 * count
    return [
        Row("W4", f"week 12: publishing {percent(supply)} ({supply.ups}/{count} up), clicks "
            f"{percent(clicks)} ({clicks.ups}/{count} up); days 1-3 clicks {percent(early)}",
            "publishing > +20 %, up in 11/12; clicks > +10 %, 3 se, up in 10/12; early > -1 %",
            kept and gained)
    ]  # fmt: skip


def abundant(seeds: int | None, run: Map) -> list[Row]:
    """W5: where supply is rich and unlike, floors cost; where nothing answers, they do nothing."""
    count = seeds or 8
    harmed = of(
        over(named("abundant").spec, LESS_FLOORED, 56, count, run), "clicks", 49, 56
    )
    still = of(over(named("unmoved").spec, FLOORED, 56, count, run), "clicks", 49, 56)
    return [
        Row("W5", f"week 8 clicks {percent(harmed)}; control {percent(still)}",
            "below -5 %, 3 se; control within 2 se of 0",
            harmed.mean < min(-0.05, -3 * harmed.error) and abs(still.mean) <= 2 * still.error)
    ]  # fmt: skip


def speed(seeds: int | None, run: Map) -> list[Row]:
    """W6: CPU seconds a day, and the same bytes for the same seed."""
    del seeds, run
    cost = {people: cost_of(people, days) for people, days in ((1_000, 20), (20_000, 3))}
    alike = trace(200, 6) == trace(200, 6)
    return [
        Row("W6", f"{cost[1_000]:.3f} CPU-s a day at 1,000 people, {cost[20_000]:.2f} at 20,000; "
            f"{'same' if alike else 'other'} bytes",
            "0.05; 1; same", cost[1_000] <= 0.05 and cost[20_000] <= 1 and alike)
    ]  # fmt: skip


def cost_of(people: int, days: int) -> float:
    world = World(WorldSpec(people=people), Policy(), 0)
    world.run(3)
    began = time.process_time()
    world.run(days)
    return (time.process_time() - began) / days


def trace(people: int, days: int) -> str:
    """Digest of everything that was shown and done."""
    world, digest = World(WorldSpec(people=people), Policy(), 3), hashlib.sha256()
    for _ in range(days):
        world.step()
        for wave in world.waves:
            for column in (
                wave.shown.items,
                wave.shown.features,
                wave.shown.scores,
                *wave.outcome,
            ):
                digest.update(column.tobytes())
    return digest.hexdigest()


def interference(seeds: int | None, run: Map) -> list[Row]:
    """W7 and W8: an experiment among providers, against the twins."""
    count = seeds or 6
    runs: list[Creators] = list(run(creators_of, range(count)))  # pyright: ignore[reportAssignmentType] - as above
    naive, treated = (
        mean(getattr(creators, name) for creators in runs) for name in ("naive", "treated")
    )
    gap = [creators.co_diverted - creators.everybody for creators in runs]
    error = float(np.std(gap, ddof=1)) / len(gap) ** 0.5
    off = mean(creators.elasticity - creators.elasticity_twin for creators in runs)
    off_naive = mean(
        creators.elasticity_naive - creators.elasticity_twin for creators in runs
    )
    controls, everybody = (
        mean(getattr(creators, name) for creators in runs)
        for name in ("controls", "everybody")
    )
    return [
        Row("W7", f"naive {naive:+.1%}, twins: treated {treated:+.1%}, controls {controls:+.1%}, all "
            f"{everybody:+.1%}; co-diverted less all {mean(gap):+.1%} ± {error:.1%}",
            "naive / treated >= 1.8; co-diverted within 2 se",
            naive / treated >= 1.8 and abs(mean(gap)) <= 2 * error),
        Row("W8", f"randomised less twin {off:+.3f}, cross-section less twin {off_naive:+.3f}",
            "within 0.05; cross-section outside", abs(off) <= 0.05 < abs(off_naive)),
    ]  # fmt: skip


def card_speed(seeds: int | None, run: Map) -> list[Row]:
    """S1: a scorecard of two million exposures in eight segments."""
    del seeds, run
    tables = log_of(requests=200_000, items=8_000, people=20_000, seed=1)
    plain, resampled = cost(tables, 0), cost(tables, 200)
    return [
        Row("S1", f"{plain:.1f} CPU-s, {resampled:.1f} with 200 resamples", "8; 15",
            plain <= 8 and resampled <= 15)
    ]  # fmt: skip


def card_intervals(seeds: int | None, run: Map) -> list[Row]:
    """S2: intervals hold what they claim, where plain percentiles do not."""
    worlds: list[dict[str, bool]] = list(run(hits, range(seeds or 400)))  # pyright: ignore[reportAssignmentType] - as above
    shares = held(worlds)
    ours = {name: share for name, share in shares.items() if " of " not in name}
    curved = ("item_gini", "effective_items")
    good = all(
        share >= 0.92 if name in curved else 0.92 <= share <= 0.98
        for name, share in ours.items()
    )
    plain = ", ".join(f"{shares[f'percentile of {name}']:.2f}" for name in curved)
    return [
        Row("S2", ", ".join(f"{name} {share:.3f}" for name, share in ours.items())
            + f"; plain percentiles of Gini and e^H {plain}",
            "Gini, e^H >= .92; others .93 to .97, give or take .01 of 400 worlds", good)
    ]  # fmt: skip


def mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


ROWS: dict[str, Callable[[int | None, Map], list[Row]]] = {
    "W1": pattern, "W2": control, "W3": pattern, "W4": scarce, "W5": abundant, "W6": speed,
    "W7": interference, "W8": interference, "S1": card_speed, "S2": card_intervals,
}  # fmt: skip


def rows(names: Sequence[str], seeds: int | None, run: Map) -> list[Row]:
    """The rows asked for, each comparison run once."""
    figures: dict[str, Row] = {}
    for part in dict.fromkeys(ROWS[name] for name in names):
        for row in part(seeds, run):
            figures[row.name] = row
            print(f"{row.name}: {row.value}", file=sys.stderr, flush=True)
    return [figures[name] for name in dict.fromkeys(names)]
