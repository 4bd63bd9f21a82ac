"""The world and the scorecard against their thresholds: a published reversal, floors of either sign, intervals, speed.

Every row has `value`, `threshold` and `holds`; `--map` adds the signs over parameters, and `--page FILE` writes
what was measured as Markdown. Seeds are spread over `--workers` processes; speed is measured in this one, alone.

`python -m benchmarks.ecosystem [--rows W1 W2 ...] [--map] [--page docs/explanation/world.md] [--json]`
"""

import argparse
import json
import sys
from multiprocessing import get_context
from pathlib import Path

from benchmarks.ecosystem_rows import ROWS, Row, rows
from benchmarks.ecosystem_signs import Sign, page, signs


def show(figures: list[Row]) -> str:
    width = max(len(row.name) for row in figures)
    return "\n".join(
        f"{row.name:<{width}}  {row.value}   threshold {row.threshold}   "
        f"{'holds' if row.holds else 'FAILS'}"
        for row in figures
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", type=int, help="a row, fewer than the full run has")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--map", action="store_true", help="signs over parameters")
    parser.add_argument("--page", type=Path, help="write the figures as Markdown")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # Fork would copy Numba's threads; a worker imports for itself.
    with get_context("spawn").Pool(arguments.workers) as pool:
        figures = rows(arguments.rows, arguments.seeds, pool.map)
        mapped: list[Sign] = signs(arguments.seeds, pool.map) if arguments.map else []
    if arguments.page:
        arguments.page.write_text(page(figures, mapped))
    if arguments.json:
        print(json.dumps({"rows": [row.__dict__ for row in figures],
                          "signs": [sign.__dict__ for sign in mapped]}, indent=2))  # fmt: skip
    else:
        print(show(figures))
    return 0 if all(row.holds for row in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
