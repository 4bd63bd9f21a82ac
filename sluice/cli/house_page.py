"""The page of a house: where its parts are, and how every surface stands. Rendered here, without a script."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape

from sluice.cli.house_facts import Fact, SurfacePart, Tone, shown

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
REFRESH_SECONDS = 60

_MARKS = {Tone.GOOD: "✓", Tone.BAD: "✗", Tone.UNKNOWN: "?", Tone.PLAIN: ""}
"""So that who sees no colours reads the same."""
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #18794e; --bad: #c0262d; --unknown: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --good: #4cc38a; --bad: #ff8589; --unknown: #f1a10d; } }
* { box-sizing: border-box; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 90rem; padding: 1rem; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.4rem; } h2 { margin: 0 0 .5rem; font-size: 1.15rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .5rem 0 1rem; }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); }
section { border: 1px solid var(--line); border-radius: 8px; padding: 1rem; }
dl { display: grid; grid-template-columns: minmax(6.5rem, max-content) 1fr; gap: .35rem .9rem; margin: 0; }
dt { opacity: .75; } dd { margin: 0; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } .unknown { color: var(--unknown); }
footer { margin-top: 1.5rem; opacity: .75; }
"""


def page(parts: Iterable[SurfacePart], links: Mapping[str, str], at: datetime) -> str:
    """The page as HTML; whatever it shows is escaped.

    Args:
        parts: one a surface.
        links: address of each part of the house, by its name.
        at: when it was looked.
    """
    surfaces = "".join(map(_section, parts))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">'
        f"<title>Sluice</title><style>{_STYLE}</style></head><body>"
        f"<h1>Sluice</h1><nav>{''.join(map(_link, links.items()))}</nav>"
        f"<main>{surfaces or '<p>No surface is declared; write one with <code>sluice new surface NAME</code>.'}"
        f"</main><footer>As of {shown(at)} UTC, looked at again every {REFRESH_SECONDS} s. Sign in to "
        "MLflow and Prefect by the addresses that <code>sluice up</code> prints.</footer></body></html>"
    )


def _link(named: tuple[str, str]) -> str:
    name, address = named
    return f'<a href="{escape(address)}">{escape(name)}</a>'


def _section(part: SurfacePart) -> str:
    facts = "".join(map(_line, part.facts))
    return f"<section><h2>{escape(part.name)}</h2><dl>{facts}</dl></section>"


def _line(fact: Fact) -> str:
    text = escape(f"{_MARKS[fact.tone]} {fact.text}".strip())
    if fact.link:
        text = f'<a href="{escape(fact.link)}">{text}</a>'
    return f'<dt>{escape(fact.name)}</dt><dd class="{fact.tone}">{text}</dd>'
