"""A canary answers its share of the people, is dropped when it ends, and costs nobody an answer."""

import asyncio

import pytest

from sluice.errors import IntegrityError
from sluice.registry.canary_arm import in_canary
from sluice.registry.canary_pointer import CanaryPointer, write_canary_pointer
from sluice.registry.pointer import Pointer, write_pointer
from sluice.serving.canary_source import CanarySource
from sluice.serving.ranking_server import RankingServer
from sluice.serving.request import RankRequest
from sluice.serving.source import PointerSource
from tests.lib.releases import END, small_release

PEOPLE = [f"person{number}" for number in range(60)]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A folder with two releases, the second by another feature."""
    into = tmp_path_factory.mktemp("releases")
    return into, small_release(into), small_release(into, 2, "item.exposure.24h")


class Service:
    """A champion, and a canary pointer moved by hand."""

    def __init__(self, folder, two):
        self.pointers = folder / "pointers"
        releases, self.champion, self.canary = two
        write_pointer(self.pointers, Pointer("for_you", 1, self.champion, 1))
        self.server = RankingServer(
            PointerSource(self.pointers, "for_you", releases),
            folder / "predictions",
            lambda: END,
            canary=CanarySource(self.pointers, "for_you", releases, None),
        )

    async def canary_of(self, share, epoch, release=None):
        pointer = CanaryPointer("for_you", 2, release or self.canary, epoch, share)
        write_canary_pointer(self.pointers, pointer)
        await self.server.arms.canary.look()

    def answers(self):
        return {person: self.server.rank(_asked(person), person) for person in PEOPLE}


def _asked(person):
    return RankRequest(person, ("item01", "item02"), END, {}, None)


@pytest.fixture
def service(tmp_path, two):
    return Service(tmp_path, two)


def test_a_canary_answers_its_share_and_is_logged_apart(service):
    async def steps():
        await service.server.look()
        await service.canary_of(0.3, 1)
        answers = service.answers()
        await service.server.stop()
        return answers

    answers = asyncio.run(steps())

    theirs = {person for person in PEOPLE if in_canary(person, 0.3, service.canary)}
    assert {
        person for person, answer in answers.items() if answer.arm == "canary"
    } == theirs
    assert {answers[person].release for person in theirs} == {service.canary}
    others = set(PEOPLE) - theirs
    assert {answers[person].release for person in others} == {service.champion}
    assert theirs
    assert others


def test_a_canary_that_ended_serves_nobody(service):
    async def steps():
        await service.server.look()
        await service.canary_of(0.9, 1)
        assert "canary" in {answer.arm for answer in service.answers().values()}
        await service.canary_of(0.0, 2)
        answers = service.answers()
        await service.server.stop()
        return answers

    assert {answer.arm for answer in asyncio.run(steps()).values()} == {"champion"}


def test_a_canary_that_is_refused_leaves_everybody_to_the_champion(service):
    async def steps():
        await service.server.look()
        await service.canary_of(0.9, 1, release="no-such-release")
        answers = service.answers()
        await service.server.stop()
        return answers

    assert {answer.arm for answer in asyncio.run(steps()).values()} == {"champion"}
    assert "no release folder" in service.server.arms.canary.refusal


def test_a_canary_that_breaks_down_costs_nobody_an_answer(service):
    def breaks(*_, **__):
        raise IntegrityError("its scores are not finite")

    async def steps():
        await service.server.look()
        await service.canary_of(0.9, 1)
        canary = service.server.arms.canary.serving
        object.__setattr__(canary.release.scorer, "rank", breaks)
        answers = service.answers()
        await service.server.stop()
        return answers

    answers = asyncio.run(steps())
    assert {answer.arm for answer in answers.values()} == {"champion"}
    broken = sum(in_canary(person, 0.9, service.canary) for person in PEOPLE)
    assert service.server.telemetry.canary_errors == broken > 0
