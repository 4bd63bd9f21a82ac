"""What sets two versions apart."""

from dataclasses import replace

from sluice.registry.differences import Difference, differences
from sluice.store.records import Outcome
from tests.lib.evidence import an_evidence

DECLARED = {
    "name": "for_you",
    "ranker": {"parameters": {"trees": 300}},
    "data": {"label": "click"},
}


def test_the_same_version_differs_in_nothing():
    assert differences(an_evidence(), an_evidence(), (DECLARED, DECLARED)) == ()


def test_each_change_is_named_with_its_path_and_both_values():
    first = an_evidence()
    failed = tuple(
        replace(each, outcome=Outcome.FAIL) if each.gate == "quality" else each
        for each in first.judgements
    )
    second = an_evidence(
        code="ff" * 32, judgements=failed, counts={**first.counts, "exposures": 5}
    )
    changed = {**DECLARED, "ranker": {"parameters": {"trees": 100, "leaves": 8}}}

    assert differences(first, second, (DECLARED, changed)) == (
        Difference("data", "exposures", 214_310, 5),
        Difference("code", "code", "b2" * 32, "ff" * 32),
        Difference("parameters", "ranker.parameters.trees", 300, 100),
        Difference("parameters", "ranker.parameters.leaves", None, 8),
        Difference("verdicts", "quality", "pass", "fail"),
    )
