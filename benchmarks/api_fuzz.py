"""Schemathesis over the whole contract: `python -m benchmarks.api_fuzz [cases] [seeds]`.

Runs until each seed has had its share of the cases, and prints one line of JSON a seed. Its exit code
is 1 where there was a server error, a violation, or too few cases.
"""

import json
import sys
import time

from tests.lib.api_fuzz import fuzz

_PER_RUN = 400
"""Most examples of each operation in one run of Schemathesis, which has a seed of its own."""


def main(cases: int = 20_000, seeds: int = 3) -> int:
    """Fuzz with several seeds."""
    sound = True
    examples = min(_PER_RUN, max(1, cases // seeds // 3))  # three operations take a body
    for seed in range(1, seeds + 1):
        begun, total, errors, violations = time.perf_counter(), 0, 0, 0
        statuses: dict[int, int] = {}
        runs = 0
        while total < cases / seeds:
            phases = "fuzzing" if runs else "examples,coverage,fuzzing"
            run = fuzz(seed + 1000 * runs, examples, phases)
            runs += 1
            total, errors = total + run.cases, errors + run.server_errors
            violations += run.violations
            for status, count in run.statuses.items():
                statuses[status] = statuses.get(status, 0) + count
            if run.violations or not run.cases:
                print(run.output[-5000:], file=sys.stderr)
                break
        sound &= not errors and not violations and total >= cases / seeds
        print(
            json.dumps(
                {
                    "seed": seed,
                    "runs": runs,
                    "cases": total,
                    "server_errors": errors,
                    "violations": violations,
                    "statuses": statuses,
                    "seconds": round(time.perf_counter() - begun, 1),
                }
            ),
            flush=True,
        )
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
