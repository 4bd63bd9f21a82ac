import re
from html.parser import HTMLParser

import pytest

from sluice.gates.judgement import Judgement
from sluice.registry.description import markdown
from sluice.registry.page import page
from sluice.registry.words import moment
from sluice.store.records import Outcome
from tests.lib.evidence import (
    RELEASE,
    a_comparison,
    a_parity,
    an_evidence,
    closely_looked_at,
)

HOSTILE = "<script>alert('x')</script>\"'&|[a](javascript:b)`"
PNG = b"\x89PNG\r\n"
VOID = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Fails on a tag that is closed out of order, and keeps what would load something."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.loads = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(html):
    parser = Balance()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def text(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html.split("</style>")[1]).split())


def hostile():
    return an_evidence(
        surface=HOSTILE,
        author=HOSTILE,
        family=HOSTILE,
        snapshot=HOSTILE,
        release=HOSTILE,
        counts={HOSTILE: 3},
        judgements=(
            Judgement(HOSTILE, Outcome.PASS, HOSTILE, {}),
            Judgement(
                "data",
                Outcome.FAIL,
                HOSTILE,
                {
                    "suites": [
                        {
                            "suite": HOSTILE,
                            "outcome": HOSTILE,
                            "checks": 1,
                            "failing": [HOSTILE],
                        }
                    ]
                },
            ),
        ),
        metrics={HOSTILE: {HOSTILE: 0.5}},
        comparisons={HOSTILE: (a_comparison(metric=HOSTILE),)},
        gains={HOSTILE: 1.0},
    )


@pytest.mark.parametrize(
    "evidence",
    [
        an_evidence(),
        an_evidence(judgements=(), metrics={}, comparisons={}, gains={}, release=None),
        an_evidence(
            judgements=(Judgement("replay", Outcome.FAIL, "Broken.", {"errors": None}),)
        ),
        hostile(),
    ],
    ids=["whole", "bare", "broken", "hostile"],
)
def test_a_page_is_whole_and_loads_nothing_from_elsewhere(evidence):
    parser = parsed(page(evidence, {"metrics": PNG}))

    assert "script" not in parser.tags
    assert all(address.startswith("data:image/png;base64,") for address in parser.loads)


def test_nothing_in_the_evidence_can_become_markup():
    html = page(hostile(), {HOSTILE: PNG})

    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<script" not in markdown(hostile())


def test_a_page_says_who_what_when_and_how_to_decide():
    said = text(page(an_evidence(), {}))

    for words in (
        "for_you, version 2",
        "All gates passed; a reviewer decides",
        "ranking-team",
        "2026-05-02 03:04 UTC",
        "2026-04-25 00:00 UTC to 2026-05-02 00:00 UTC",
        "214,310 exposures",
        "a1" * 32,
        "✓ pass",
        "0.7650 0.7410 0.6020 +0.0300",
        "95%: +0.0210 to +0.0390",
        "99th percentile latency, ms 9.4 at most 50.0",
        f"sluice review approve for_you 2 --reviewer NAME --digest {RELEASE}",
    ):
        assert words in said


def test_a_page_shows_slices_calibration_and_who_gains_and_who_pays():
    html = page(closely_looked_at(approvers=2), {"calibration": PNG})
    said = text(html)

    for words in (
        "hour=00-05 900 -0.0400",
        "click all 1.0200",
        "users nDCG@10 higher is better 0.6400 0.6100 +0.0300",
        "2 different people have to approve",
    ):
        assert words in said
    assert 'alt="Rows in bins of equal mass' in html
    assert "promises no probability" in text(page(an_evidence(), {}))


def test_a_held_candidate_offers_no_approval():
    said = text(page(an_evidence(judgements=()), {}))

    assert "sluice review approve" not in said
    assert "? not judged" in said


def test_without_a_champion_no_column_speaks_of_one():
    first = an_evidence(
        metrics={"candidate": {"auc": 0.7}, "baseline": {"auc": 0.6}}, comparisons={}
    )

    assert "has no champion yet" in text(page(first, {}))
    assert "minus champion" not in page(first, {})


def test_unknown_figures_stand_as_a_dash_and_not_as_nan():
    unknown = an_evidence(
        metrics={"candidate": {"auc": float("nan")}},
        comparisons={"baseline": (a_comparison(metric="auc", low=float("nan")),)},
    )

    assert "nan" not in text(page(unknown, {})).lower().split()
    assert "nan" not in markdown(unknown).lower()


def test_the_same_evidence_gives_the_same_page():
    assert page(an_evidence(), {"metrics": PNG}) == page(an_evidence(), {"metrics": PNG})


def test_markdown_has_a_row_for_each_gate_and_metric_and_the_command():
    lines = markdown(an_evidence()).splitlines()

    assert lines[0] == "## All gates passed; a reviewer decides"
    assert (
        sum(
            line.startswith(("| data", "| leakage", "| quality", "| replay"))
            for line in lines
        )
        == 4
    )
    assert {line.count("|") for line in lines if line.startswith("| auc")} == {7}
    assert any(line.endswith(f"--digest {RELEASE}") for line in lines)


def test_the_delay_that_is_assumed_stands_beside_the_one_that_was_observed():
    shown = text(page(an_evidence(embargo="5s", parity=a_parity()), {}))

    assert (
        f"features.embargo assumes 5s; observed from {moment(a_parity().start)} to "
        in shown
    )
    assert "exposure 0.0 0.1 click 0.3 1.5" in shown


def test_where_nothing_was_served_the_page_says_that_the_delay_is_not_measured():
    shown = text(page(an_evidence(embargo="0s"), {}))

    assert "assumes 0s; observed: not measured, for no parity of the champion" in shown
