from dataclasses import replace

import pytest

from sluice.data.event_log import EventLog
from sluice.errors import IntegrityError
from sluice.flows.memory import StepName, document, kept, remembered
from sluice.flows.workplace import Workplace
from sluice.settings import load_settings
from sluice.store.memory import MemoryStore
from sluice.store.records import Document, Step
from sluice.surface import ReviewSpec, Surface

NAME = StepName("retrain", "train", "snapshot", ("code", "spec"))


@pytest.fixture
def workplace(tmp_path) -> Workplace:
    surface = Surface(name="feed", owner="ann", review=ReviewSpec(reviewers=("rita",)))
    return Workplace(
        load_settings({}, tmp_path), surface, MemoryStore(), EventLog(tmp_path)
    )


def test_a_finished_step_is_not_computed_again(workplace):
    computed = []
    for _ in range(3):
        outcome = remembered(workplace, NAME, lambda: computed.append(1) or {"model": "m"})
        assert outcome == {"model": "m"}

    assert len(computed) == 1
    (step,) = workplace.store.find(Step)
    assert (step.flow, step.step, step.surface, step.snapshot) == (
        "retrain", "train", "feed", "snapshot",
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        replace(NAME, flow="package"), replace(NAME, step="evaluate"),
        replace(NAME, snapshot="later"), replace(NAME, depends_on=("code", "other")),
        replace(NAME, depends_on=("code",)),
    ],
    ids=["flow", "step", "snapshot", "spec", "fewer"],
)  # fmt: skip
def test_whatever_a_step_depends_on_makes_it_another(workplace, other):
    remembered(workplace, NAME, lambda: {"model": "one"})

    assert remembered(workplace, other, lambda: {"model": "two"}) == {"model": "two"}


def test_another_surface_has_steps_of_its_own(workplace):
    elsewhere = replace(
        workplace, surface=workplace.surface.model_copy(update={"name": "search"})
    )
    remembered(workplace, NAME, lambda: {"model": "one"})

    assert remembered(elsewhere, NAME, lambda: {"model": "two"}) == {"model": "two"}


def test_a_step_that_fails_is_not_remembered(workplace):
    def fail():
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        remembered(workplace, NAME, fail)

    assert workplace.store.find(Step) == ()
    assert remembered(workplace, NAME, lambda: {"model": "m"}) == {"model": "m"}


def test_a_document_is_kept_once_under_its_digest(workplace):
    digest = kept(workplace, "drift", {"psi": [0.1, None]})

    assert kept(workplace, "drift", {"psi": [0.1, None]}) == digest
    assert document(workplace, digest) == {"psi": [0.1, None]}
    assert len(workplace.store.find(Document)) == 1


def test_a_document_that_is_named_but_gone_is_a_fault_of_the_store(workplace):
    with pytest.raises(IntegrityError, match=f"document {'0' * 64}"):
        document(workplace, "0" * 64)
