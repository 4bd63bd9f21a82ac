"""A map of signs: what the same change does as the parameters move, and the page that publishes it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.ecosystem_rows import LESS_FLOORED, REMOVED, Map, Row, of, over
from sluice.world.named import named
from sluice.world.policy import Policy
from sluice.world.spec import WorldSpec
from sluice.world.twin import Effect

TIRING = "satiation x annoyance: spacing removed, clicks"
SUPPLY = "providers x spread of their quality: floor .6, clicks of week 8"
_SATIATION, _ANNOYANCE = (0.0, 0.04, 0.08), (0.0, 0.008, 0.016)
_PROVIDERS, _SPREAD = (40, 80, 150), (0.0, 0.2, 0.45)


@dataclass(frozen=True)
class Sign:
    """One cell of a map."""

    map: str
    row: str
    column: str
    value: str
    sign: str
    """`+` or `-` where the mean lies beyond two standard errors, else `0`."""


@dataclass(frozen=True)
class Cell:
    """One world of a map, and the change in it."""

    map: str
    row: str
    column: str
    spec: WorldSpec
    changed: Policy
    days: int


def cells() -> Iterator[Cell]:
    for satiation in _SATIATION:
        for annoyance in _ANNOYANCE:
            spec = replace(named("tiring").spec, satiation=satiation, annoyance=annoyance)
            yield Cell(TIRING, f"{satiation:g}", f"{annoyance:g}", spec, REMOVED, 14)
    scarce = named("scarce").spec
    for providers in _PROVIDERS:
        for spread in _SPREAD:
            spec = replace(
                scarce,
                providers=providers,
                provider_spread=spread,
                newcomers=providers * 0.002,
            )
            yield Cell(SUPPLY, str(providers), f"{spread:g}", spec, LESS_FLOORED, 56)


def signs(seeds: int | None, run: Map) -> list[Sign]:
    """Both maps, `seeds` worlds a cell (four where not given)."""
    count = seeds or 4
    signs = []
    for cell in cells():
        arms = over(cell.spec, cell.changed, cell.days, count, run)
        last = of(arms, "clicks", cell.days - 7, cell.days)
        text = written(last)
        if cell.map == TIRING:
            text = f"{written(of(arms, 'clicks', 0, 1))}, then {text}"
        signs.append(Sign(cell.map, cell.row, cell.column, text, sign_of(last)))
    return signs


def written(measured: Effect) -> str:
    return f"{100 * measured.mean:+.1f} ± {100 * measured.error:.1f}"


def sign_of(measured: Effect) -> str:
    if abs(measured.mean) <= 2 * measured.error:
        return "0"
    return "+" if measured.mean > 0 else "-"


def page(rows: list[Row], mapped: list[Sign]) -> str:
    """The figures as Markdown."""
    lines = [
        "# The world: what was planted, and what comes of it", "",
        "Written by `python -m benchmarks.ecosystem --map --page docs/explanation/world.md`. Changes are of the changed arm",
        "against its twin, means over seeds ± one standard error. The sign of every figure is planted by the",
        "parameters of its world (`sluice/world/spec.py`, `named.py`): read the controls and the maps beside it.", "",
        "| row | measured | threshold | holds |", "|---|---|---|---|",
        *(f"| {row.name} | {row.value} | {row.threshold} | {'yes' if row.holds else '**no**'} |" for row in rows),
    ]  # fmt: skip
    for title in dict.fromkeys(sign.map for sign in mapped):
        lines += [
            "",
            f"## {title}",
            "",
            *_grid([sign for sign in mapped if sign.map == title]),
        ]
    return "\n".join(lines) + "\n"


def _grid(those: list[Sign]) -> Iterator[str]:
    columns = list(dict.fromkeys(sign.column for sign in those))
    yield f"| | {' | '.join(columns)} |"
    yield f"|---{'|---' * len(columns)}|"
    for row in dict.fromkeys(sign.row for sign in those):
        values = [f"**{sign.sign}** {sign.value} %" for sign in those if sign.row == row]
        yield f"| {row} | {' | '.join(values)} |"
