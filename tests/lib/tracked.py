"""Candidates ready to be mirrored, with a real ranker on disk."""

from pathlib import Path
from typing import Any

import numpy as np

from sluice.rankers import make_ranker, save_ranker
from sluice.registry.page import page
from sluice.registry.plots import draw
from sluice.registry.tracking import TrackedCandidate
from sluice.surface import ReviewSpec, Surface
from tests.lib.evidence import an_evidence
from tests.lib.frames import generated_frame

DECLARATION = Surface(
    name="for_you", owner="ranking-team", review=ReviewSpec(reviewers=("ada",))
).model_dump(mode="json")


def a_ranker(folder: Path, family: str = "lambdamart") -> Path:
    """A folder with a ranker fitted on a small generated frame."""
    frame = generated_frame(60, 8, rng=np.random.default_rng(1))
    parameters = {"trees": 5, "num_threads": 1} if family == "lambdamart" else {}
    ranker = make_ranker(family, parameters).fit(frame, np.random.default_rng(2))
    save_ranker(ranker, folder)
    return folder


def a_candidate(ranker: Path, **changes: Any) -> TrackedCandidate:
    """The candidate of an evidence; `changes` are the evidence's, its run follows its version."""
    evidence = an_evidence(**changes)
    plots = draw(evidence)
    return TrackedCandidate(
        evidence=evidence,
        run=f"{evidence.version:064x}",
        declaration=DECLARATION,
        ranker=ranker,
        page=page(evidence, plots),
        plots=plots,
    )
