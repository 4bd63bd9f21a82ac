"""G6, G5: what gates know not to know, and what people's rules hold, each with the mutant that lets it by."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from benchmarks.gates_leaks import LEAKS, passes, verdicts
from sluice.errors import Held, Refused
from sluice.gates import quality
from sluice.gates.calibration import CalibrationGate, calibration_rule
from sluice.gates.leakage import RankedAlone
from sluice.gates.quality import QualityGate
from sluice.gates.sent_context import SentContext
from sluice.gates.spec import GateSpec
from sluice.metrics import Predictions, calibration_slices, calibrations
from sluice.metrics.decision import place
from sluice.registry import account_holds, canary, new_key, promotion, review_rules, rules
from sluice.registry.account_holds import Account, ensure_free, mark_of, note_reset
from sluice.registry.new_key import acknowledge_key, acknowledged_keys
from sluice.registry.review_rules import Request, Who, needed
from sluice.store.memory import MemoryStore
from sluice.store.records import Document, Outcome, State, Version
from tests.lib import promotions as lib
from tests.lib.stores import T0, a_draft

Mutant = Callable[[], tuple[Any, str, Any]]
REQUESTS, SEED = 600, 5
ROWS, USERS, EDGES = 3_000, 300, 12
DAY = timedelta(days=1)
LOOKS_LIKE_REVIEW = (
    "Review", " review ", "revi\u0435w", "\uff52eview", "rev1ew", "revievv", "rev|ew", "re\u200bview",
    "sIuice.reviewed", "s1uice.run", "sluice:run",
)  # fmt: skip


def leaks_let_on() -> Iterator[str]:
    """Each make of leak at both gates, and the plainest one at the leakage gate alone."""
    for name, case in LEAKS.items():
        yield f"{name} was let on" if passes(case, REQUESTS, SEED) else ""
    plainest = next(iter(LEAKS))
    leakage, _ = verdicts(LEAKS[plainest], REQUESTS, SEED)
    yield f"{plainest} passed leakage" if leakage.outcome is Outcome.PASS else ""


def no_column_is_too_good() -> tuple[Any, str, Any]:
    return RankedAlone, "too_well", lambda *_: []


def nobody_asks_who_sends_it() -> tuple[Any, str, Any]:
    return SentContext, "unsent", lambda *_: []


def any_gain_is_believed() -> tuple[Any, str, Any]:
    return quality, "_too_good", lambda _: None


LEAK_MUTANTS: tuple[Mutant, ...] = (
    no_column_is_too_good,
    nobody_asks_who_sends_it,
    any_gain_is_believed,
)


def judged_otherwise() -> Iterator[str]:
    """All rows, near the edge and with eleven slices shown beside them: their interval alone decides."""
    rule = calibration_rule(CalibrationGate())
    for seed in range(EDGES):
        rng = np.random.default_rng(seed)
        truth = rng.uniform(0.05, 0.4, ROWS)
        came = (rng.random(ROWS) < truth).astype(np.float64)
        labels = {
            name: rng.integers(many, size=ROWS).astype(np.str_)
            for name, many in (("hour", 4), ("activity", 3), ("candidates", 4))
        }
        predicted = Predictions(
            np.minimum(truth * 1.19, 1), came, rng.integers(USERS, size=ROWS)
        )
        whole = calibrations(predicted, labels, rule, rng=np.random.default_rng(0))[0]
        measured = whole.calibration
        expected = place(measured.low, measured.high, rule.floor, rule.ceiling)
        said = whole.decision.outcome
        yield (
            "" if said == expected else f"seed {seed}: {said}, its interval says {expected}"
        )


def slices_tip_the_whole() -> tuple[Any, str, Any]:
    """All rows are adjusted for the slices too, as once on the page."""
    honest = calibration_slices._settle

    def settle(one: Any, chance: float | None, rule: Any) -> Any:
        tipped = None if chance is None else min(1.0, chance * EDGES)
        return honest(one, tipped, rule)

    return calibration_slices, "_settle", settle


CALIBRATION_MUTANTS: tuple[Mutant, ...] = (slices_tip_the_whole,)


def decided_after_a_reset() -> Iterator[str]:
    """An account whose password somebody else set: by MLflow's pages, and past them."""
    for seen in (True, False):
        store = MemoryStore()
        lib.bring(store, State.IN_REVIEW)
        old, new = (
            Account("rita", mark_of("old")),
            Account("rita", mark_of("new")),
        )
        ensure_free(store, "feed", old, hold=DAY, at=T0)
        if seen:
            note_reset(store, new, ["feed"], by="admin", at=T0)
        try:
            ensure_free(store, "feed", new, hold=DAY, at=T0 + DAY / 2)
        except Refused:
            yield ""
        else:
            yield f"an account decides after its reset ({'' if seen else 'un'}seen)"


def a_reset_holds_nobody() -> tuple[Any, str, Any]:
    return account_holds, "_resets", lambda *_: iter(())


def any_password_was_met() -> tuple[Any, str, Any]:
    return account_holds, "_is_kept", lambda *_: True


RESET_MUTANTS: tuple[Mutant, ...] = (a_reset_holds_nobody, any_password_was_met)


def taken_for_ours() -> Iterator[str]:
    """Tags that a reader takes for the review's or Sluice's, set by anybody."""
    for tag in LOOKS_LIKE_REVIEW:
        asked = Request("SetModelVersionTag", ("feed-candidates",), tags=(tag,))
        who = needed(asked, ("feed",))
        yield "" if who is Who.PROMOTER else f"{tag!r} may be set by {who}"


def letters_are_what_they_are() -> tuple[Any, str, Any]:
    def passes_for(name: str, names: Any, prefixes: Any = ()) -> bool:
        return name in names or name.startswith(tuple(prefixes))

    return review_rules, "passes_for", passes_for


LOOKALIKE_MUTANTS: tuple[Mutant, ...] = (letters_are_what_they_are,)


def let_on_by_laxer_rules() -> Iterator[str]:
    """A margin, a gate, a reviewer and the bake: loosened, at a promotion and at a canary's start."""
    hour, strict = timedelta(hours=1), GateSpec()
    wider = GateSpec(quality=QualityGate(margin=0.5))
    fewer = strict.model_copy(update={"mandatory": ("data",)})
    more = lib.panel(reviewers=(*lib.REVIEWERS, "zoe"))
    loosened = [
        (wider, lib.panel(), hour), (fewer, lib.panel(), hour), (strict, more, hour),
        (strict, lib.panel(), timedelta(0)),
    ]  # fmt: skip
    for gates, panel, bake in loosened:
        store = MemoryStore()
        _promoted(store, _approved(store, "a", strict), lib.panel(), hour)
        version = _approved(store, "b", gates)
        for moves in (_promoted, _started):
            try:
                moves(store, version, panel, bake)
            except Held as error:
                yield "" if "laxer rules" in str(error) else f"held, but said {error}"
            else:
                yield f"{moves.__name__} by laxer rules"


def _approved(store: MemoryStore, run: str, gates: GateSpec) -> Version:
    body = {"gates": gates.model_dump(mode="json")}
    spec = store.put(Document.of("declaration", body, T0)).digest
    version = promotion.register(store, a_draft(run, spec=spec), actor="ann", at=T0)
    for step in (lib.gate, lib.package, lib.submit, lib.approve):
        step(store, version)
    return version


def _promoted(store: MemoryStore, version: Version, panel: Any, bake: timedelta) -> None:
    serving = promotion.champion_of(store, "feed")
    promotion.promote(
        store, version, mandatory=lib.MANDATORY, panel=panel, bake=bake, actor="flow",
        judged_against=serving.release if serving else None, at=T0 + DAY * version.number,
        idempotency_key=f"promote:{version.number}",
    )  # fmt: skip


def _started(store: MemoryStore, version: Version, panel: Any, bake: timedelta) -> None:
    canary.start(
        store, version, share=0.1, declared={}, mandatory=lib.MANDATORY, actor="flow",
        reason="try it", at=T0 + DAY * 3, panel=panel, bake=bake,
    )  # fmt: skip


def a_promotion_takes_any_rules() -> tuple[Any, str, Any]:
    return promotion, "ensure_rules", lambda *_: None


def a_canary_takes_any_rules() -> tuple[Any, str, Any]:
    return canary, "ensure_rules", lambda *_: None


def nothing_is_laxer() -> tuple[Any, str, Any]:
    return rules, "laxer_rules", lambda *_: ()


RULES_MUTANTS: tuple[Mutant, ...] = (
    a_promotion_takes_any_rules,
    a_canary_takes_any_rules,
    nothing_is_laxer,
)


def vouched_by_nobody() -> Iterator[str]:
    """A row by which a signing key is acknowledged: unsigned, as SQL would write it, and of a stranger."""
    store = MemoryStore()
    lib.bring(store, State.IN_REVIEW)
    row = acknowledge_key(
        store, "feed", lib.KEY.public, by=lib.signatory("rita"), panel=lib.panel(),
        reason="the laptop was stolen", at=T0,
    )  # fmt: skip
    honest = acknowledged_keys(store, lib.TRUST)
    yield "" if set(honest) == {lib.KEY.public.id} else "a reviewer's word does not count"
    store._write(replace(row, signature=None))
    yield "an unsigned row counts" if acknowledged_keys(store, lib.TRUST) else ""


def any_row_vouches() -> tuple[Any, str, Any]:
    return new_key, "is_signed", lambda *_: True


KEY_MUTANTS: tuple[Mutant, ...] = (any_row_vouches,)

Drill = tuple[str, str, Callable[[], Iterator[str]], tuple[Mutant, ...]]
DRILLS: tuple[Drill, ...] = (
    ("G6", "a column that knows the outcome, in each make: held", leaks_let_on, LEAK_MUTANTS),
    ("G6", "calibration is decided once, whatever slices are shown", judged_otherwise, CALIBRATION_MUTANTS),
    ("G5", "a password that somebody else set holds its account's decisions", decided_after_a_reset, RESET_MUTANTS),
    ("G5", "a tag that reads like ours is the promoter's", taken_for_ours, LOOKALIKE_MUTANTS),
    ("G5", "laxer rules hold a promotion and a canary", let_on_by_laxer_rules, RULES_MUTANTS),
    ("G9", "a signing key is ours by a reviewer's signature alone", vouched_by_nobody, KEY_MUTANTS),
)  # fmt: skip
"""Guarantee, what is tried, what is wrong after each try, and what turns it red."""
