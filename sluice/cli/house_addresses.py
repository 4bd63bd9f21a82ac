"""Where the servers of a house listen, as `sluice up` left it beside their supervisor."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice.cli.programs import Program
    from sluice.settings import Settings


@dataclass(frozen=True)
class Address:
    """Where one program listens."""

    name: str
    url: str
    health: str
    """Path that answers once it is up."""


def addresses(settings: "Settings") -> dict[str, Address]:
    """By name; none where no house was started."""
    try:
        rows = json.loads(_file(settings).read_text())
    except FileNotFoundError:
        return {}
    return {row["name"]: Address(**row) for row in rows}


def write_addresses(settings: "Settings", programs: "Sequence[Program]") -> None:
    """Keep them, in one step."""
    rows = [
        asdict(Address(program.name, program.url, program.health))
        for program in programs
        if program.port is not None
    ]
    draft = _file(settings).with_suffix(".draft")
    draft.write_text(json.dumps(rows, indent=1))
    draft.replace(_file(settings))


def forget_addresses(settings: "Settings") -> None:
    """As after `sluice down`."""
    _file(settings).unlink(missing_ok=True)


def _file(settings: "Settings") -> Path:
    return settings.home / "house" / "addresses.json"
