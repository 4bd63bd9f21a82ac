"""Data Docs on disk: Great Expectations' own pages, made to stand alone.

Its template draws styles, icons and scripts from ten public hosts, so that without a network the
verdict column is empty, and with one every reader is announced. A content-security policy in the
page stops all of it, and a style sheet in the page does the drawing. It leaves out what a run
without raw values has nothing to say for: the overview and the column of observed values.
"""

from html import escape
from pathlib import Path
from typing import Any

from sluice.data.atomic import write_atomically
from sluice.store.records import Outcome

_HEAD = """
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; color: #222; }
nav, .navbar, .cooltip, footer, .cta-footer, [data-toggle=collapse], img, script, .modal, #ge-cta-footer,
[class*=walkthrough], [id*=walkthrough], .card, [id*=filter], #section-1-content-block-1 { display: none !important; }
table { border-collapse: collapse; width: 100%; margin-bottom: 1rem; }
td, th { border-bottom: 1px solid #ddd; padding: .3rem .6rem; text-align: left; }
td:nth-child(3), th:nth-child(3) { display: none; }
h4, h5, h6 { font-size: 1.05rem; margin: 1.2rem 0 .3rem; }
i { font-style: normal; }
.fa-check-circle::before { content: "✔ pass"; color: #1a7f37; }
.fa-times::before { content: "✘ fail"; color: #c62828; font-weight: bold; }
.fa-exclamation-triangle::before { content: "▲ error"; color: #b26a00; font-weight: bold; }
.pass { color: #1a7f37; } .fail { color: #c62828; } .inconclusive { color: #b26a00; }
</style>
"""


def write_page(docs: Path, suite: str, outcome: Outcome, result: Any) -> Path:
    """Render one suite's result to `<docs>/<suite>.html`."""
    from great_expectations.render.renderer.page_renderer import (
        ValidationResultsPageRenderer,
    )
    from great_expectations.render.view.view import DefaultJinjaPageView

    page = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result))
    page = page.replace("<head>", f"<head>{_HEAD}", 1).replace(
        "<body>",
        f'<body><a href="index.html">All suites</a><h1>{suite}: {_marked(outcome)}</h1>',
        1,
    )
    path = docs / f"{suite}.html"
    write_atomically(path, page.encode())
    return path


def write_index(docs: Path, outcomes: dict[str, Outcome]) -> Path:
    """The page that links the suites, `<docs>/index.html`."""
    rows = "".join(
        f'<tr><td><a href="{escape(suite)}.html">{escape(suite)}</a></td>'
        f"<td>{_marked(outcome)}</td></tr>"
        for suite, outcome in outcomes.items()
    )
    page = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{_HEAD}'
        "<title>Data checks</title></head><body><h1>Data checks of one snapshot</h1>"
        f"<table><tr><th>Suite</th><th>Outcome</th></tr>{rows}</table></body></html>"
    )
    path = docs / "index.html"
    write_atomically(path, page.encode())
    return path


def _marked(outcome: Outcome) -> str:
    return f'<span class="{outcome}">{outcome}</span>'
