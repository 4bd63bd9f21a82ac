"""`sluice alerts` and `sluice alert`: what is wrong now, whether sinks work, and who wants quiet."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import settings_at
from sluice.cli.moment import MOMENT
from sluice.cli.output import print_json, print_table, with_home
from sluice.errors import ConfigError

if TYPE_CHECKING:
    from sluice.flows.workplace import Workplace

_KINDS = ("drift", "parity")


@click.command()
@click.argument("surface")
@with_home
def alerts(surface: str, home: Path | None, as_json: bool) -> None:
    """List what was and is wrong with SURFACE, since when, and what to do about it.

    \b
    Example:
      sluice alerts for_you
    """
    from sluice.flows.alerting import alerts as alerts_of
    from sluice.flows.alerting import silences

    workplace = _workplace(surface, home)
    raised = alerts_of(workplace)
    quiet = silences(workplace, datetime.now(UTC))
    if as_json:
        print_json(
            {
                "alerts": [alert.to_json() for alert in raised],
                "silenced": [
                    {"kind": silence_.kind, "until": silence_.until.isoformat(), "reason": silence_.reason, "by": silence_.by}
                    for silence_ in quiet
                ],
            }
        )  # fmt: skip
        return
    if not raised:
        click.echo(f"nothing was wrong with {surface} in any window that was judged")
    else:
        head = ("state", "kind", "since", "bad windows", "where", "what")
        rows = [
            (a.standing, a.kind, f"{a.since:%Y-%m-%d %H:%M}", a.windows, ", ".join(a.where) or "-", a.reason)
            for a in raised
        ]  # fmt: skip
        print_table(f"{surface}: alerts", head, rows)
        click.echo(f"next: {raised[-1].command}")
    for silenced in quiet:
        click.echo(
            f"{silenced.kind} is silenced until {silenced.until.isoformat()} by {silenced.by}: "
            f"{silenced.reason}"
        )


@click.group()
def alert() -> None:
    """Try the sinks of a surface's alerts, or silence a kind for a while."""


@alert.command()
@click.argument("surface")
@with_home
def test(surface: str, home: Path | None, as_json: bool) -> None:
    """Send an alert of nothing to every sink of SURFACE.

    \b
    Example:
      sluice alert test for_you
    """
    from sluice.flows.alerting import try_sinks

    workplace = _workplace(surface, home)
    sent = try_sinks(workplace)
    kinds = [declared.kind for declared in workplace.surface.alerts.sinks]
    if as_json:
        print_json({"sinks": kinds, "alert": sent.to_json()})
    else:
        click.echo(
            f"{', '.join(kinds) or 'no sink'}: took it; look there for: {sent.title}"
        )


@alert.command()
@click.argument("surface")
@click.argument("kind", type=click.Choice(_KINDS))
@with_home
@click.option("--until", type=MOMENT, required=True, help="UTC end of the silence.")
@click.option("--reason", required=True, help="Why nobody wants to hear of it.")
@click.option("--actor", required=True, help="Who says so.")
def silence(
    surface: str,
    kind: str,
    home: Path | None,
    as_json: bool,
    until: datetime,
    reason: str,
    actor: str,
) -> None:
    """Tell nobody of alerts of KIND until a time; they are still listed.

    \b
    Example:
      sluice alert silence for_you drift --until 2026-12-01 --reason "migration" --actor ann
    """
    from sluice.flows.alerting import Silence
    from sluice.flows.alerting import silence as silence_kind
    from sluice.monitors.alerts.alert import Kind

    end = until.replace(tzinfo=UTC)
    if end <= datetime.now(UTC):
        raise ConfigError(
            f"Cannot silence {kind} until {end.isoformat()} because that is past; name a later time"
        )
    if not reason.strip() or not actor.strip():
        raise ConfigError(f"Cannot silence {kind} without a reason and a name; give both")
    silence_kind(_workplace(surface, home), Silence(Kind(kind), end, reason, actor))
    if as_json:
        print_json({"kind": kind, "until": end.isoformat(), "reason": reason, "by": actor})
    else:
        click.echo(f"{kind} of {surface} is silenced until {end.isoformat()}")


def _workplace(surface: str, home: Path | None) -> "Workplace":
    from sluice.flows.workplace import open_workplace

    return open_workplace(surface, str(settings_at(home).home))
