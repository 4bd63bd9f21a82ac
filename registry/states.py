"""The promotion machine: which state may follow which.

```mermaid
stateDiagram-v2
    [*] --> candidate: register
    candidate --> gated: every mandatory gate passed
    candidate --> blocked: a gate failed, was inconclusive or is missing
    candidate --> baseline: package, of the declared baseline
    baseline --> champion: serve it in the champion's place
    gated --> packaged: package
    blocked --> candidate: a gate was waived, so it is judged again
    blocked --> packaged: the same, once it has a release
    packaged --> in_review: the replay gate passed too
    packaged --> blocked: the replay gate did not pass
    in_review --> in_review: approved by too few yet, or a waiver renewed
    in_review --> approved: a reviewer, never the author
    in_review --> rejected
    approved --> approved: a further approval, or a waiver renewed
    approved --> champion_provisional: promote
    champion_provisional --> champion: confirm, after the bake
    champion_provisional --> rolled_back: rollback
    champion_provisional --> retired: another was promoted meanwhile
    champion --> retired: another was promoted
    champion --> rolled_back: rollback
    retired --> champion: rolled back to
    retired --> champion_provisional: the same, never confirmed
    rolled_back --> champion: rolled back to, by its number
    rolled_back --> champion_provisional: the same, never confirmed
    rejected --> [*]
```

Who serves is what the champion pointer says, and its version is always `champion` or
`champion_provisional`; nobody else of the surface is. Last good is the last version that reached
`champion`; a provisional one that was replaced before its bake ended is gone back to only where
there is none, or where it is named. The baseline stands below everything that gates compare, and so
needs neither gates nor a review nor a bake.
"""

from collections.abc import Mapping

from sluice.errors import Refused
from sluice.store.records import State

ALLOWED: Mapping[State, frozenset[State]] = {
    State.CANDIDATE: frozenset({State.GATED, State.BLOCKED, State.BASELINE}),
    State.BASELINE: frozenset({State.CHAMPION}),
    State.GATED: frozenset({State.PACKAGED}),
    State.BLOCKED: frozenset({State.CANDIDATE, State.PACKAGED}),
    State.PACKAGED: frozenset({State.IN_REVIEW, State.BLOCKED}),
    State.IN_REVIEW: frozenset({State.IN_REVIEW, State.APPROVED, State.REJECTED}),
    State.APPROVED: frozenset({State.APPROVED, State.CHAMPION_PROVISIONAL}),
    State.REJECTED: frozenset(),
    State.CHAMPION_PROVISIONAL: frozenset(
        {State.CHAMPION, State.ROLLED_BACK, State.RETIRED}
    ),
    State.CHAMPION: frozenset({State.RETIRED, State.ROLLED_BACK}),
    State.RETIRED: frozenset({State.CHAMPION, State.CHAMPION_PROVISIONAL}),
    State.ROLLED_BACK: frozenset({State.CHAMPION, State.CHAMPION_PROVISIONAL}),
}

SERVING = frozenset({State.CHAMPION_PROVISIONAL, State.CHAMPION})
"""States in which exactly the version that the pointer names stands."""


def ensure_allowed(subject: str, before: State, after: State) -> None:
    """Let a drawn move pass.

    Raises:
        Refused: the machine has no such arrow; the message names those that it has.
    """
    if after not in ALLOWED[before]:
        ways = ", ".join(sorted(ALLOWED[before])) or "nothing more"
        raise Refused(
            f"{subject} is {before} and cannot become {after}; it may become {ways}"
        )
