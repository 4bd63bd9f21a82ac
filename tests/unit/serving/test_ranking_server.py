"""Following the champion pointer: verified swaps, refusals, and requests that never notice."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from sluice.errors import ConfigError, IntegrityError, NotFound
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import Pointer, write_pointer
from sluice.serving.following import Pace
from sluice.serving.golden import GOLDEN_NAME, decode_golden
from sluice.serving.ranking_server import RankingServer
from sluice.serving.release import load_scorer
from sluice.serving.request import RankRequest
from sluice.serving.source import FixedSource, PointerSource, source_from
from tests.lib.releases import END, small_release

ASKED = RankRequest("user1", ("item01", "item02"), END, {}, None)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A folder with two releases, the second by another feature."""
    into = tmp_path_factory.mktemp("releases")
    return into, small_release(into), small_release(into, 2, "item.exposure.24h")


@pytest.fixture
def releases(two, tmp_path):
    """A copy of that folder, to be damaged."""
    return shutil.copytree(two[0], tmp_path / "releases")


class Following:
    """A server that follows a pointer file, looked at by hand."""

    def __init__(self, folder, releases):
        self.pointers = folder / "pointers"
        self.source = PointerSource(self.pointers, "for_you", releases)
        self.server = RankingServer(self.source, folder / "predictions", lambda: END)

    def point(self, release, epoch):
        """Move the pointer whatever epoch it is at, as only a broken registry would."""
        (self.pointers / "for_you.json").unlink(missing_ok=True)
        write_pointer(self.pointers, Pointer("for_you", 1, release, epoch))

    async def moved(self, release, epoch):
        self.point(release, epoch)
        await self.server.look()
        return self.server.serving


@pytest.fixture
def following(tmp_path, releases):
    return Following(tmp_path, releases)


def run(steps):
    asyncio.run(steps)


def test_the_server_follows_the_pointer(following, two):
    _, first, second = two

    async def steps():
        before = await following.moved(first, 1)
        assert (before.release.digest, before.epoch) == (first, 1)

        after = await following.moved(second, 2)
        assert (after.release.digest, after.epoch) == (second, 2)
        assert following.server.rank(ASKED, "r").release == second
        assert following.server.telemetry.swaps == 2
        await following.server.stop()

    run(steps())


def test_a_release_with_a_flipped_bit_is_refused_and_the_old_one_keeps_serving(
    following, two, releases, caplog
):
    _, first, second = two
    broken = releases / second / "state" / "state.npz"
    content = bytearray(broken.read_bytes())
    content[100] ^= 1
    broken.write_bytes(content)

    async def steps():
        await following.moved(first, 1)
        serving = await following.moved(second, 2)

        assert serving.release.digest == first
        assert following.server.rank(ASKED, "r").release == first
        assert following.server.telemetry.refusals == 1
        assert "state/state.npz" in following.server.refusal
        assert f"{first[:12]} stays in service" in caplog.text
        await following.server.stop()

    run(steps())


def test_a_mended_release_is_taken_when_it_is_tried_again(following, two, releases):
    _, first, second = two
    (releases / second).rename(releases / "away")

    async def steps():
        await following.moved(first, 1)
        await following.moved(second, 2)
        assert "no release folder" in following.server.refusal

        (releases / "away").rename(releases / second)
        await following.server.look()
        assert following.server.serving.release.digest == second
        assert not following.server.refusal
        await following.server.stop()

    run(steps())


def test_whatever_breaks_a_look_the_server_goes_on_looking(following, two, monkeypatch):
    _, first, second = two

    def breaks(*_):
        raise RecursionError("of our own making")

    async def steps():
        await following.moved(first, 1)
        with monkeypatch.context() as broken:
            broken.setattr("sluice.serving.following.open_release", breaks)
            serving = await following.moved(second, 2)
        assert serving.release.digest == first
        assert following.server.refusal == "RecursionError: of our own making"

        await following.server.look()
        assert following.server.serving.release.digest == second
        await following.server.stop()

    run(steps())


def test_a_pointer_that_goes_back_is_refused(following, two):
    _, first, second = two

    async def steps():
        await following.moved(second, 5)
        serving = await following.moved(first, 4)

        assert (serving.release.digest, serving.epoch) == (second, 5)
        assert "went back from epoch 5 to 4" in following.server.refusal
        await following.server.stop()

    run(steps())


def test_the_same_release_under_a_later_epoch_is_not_loaded_again(following, two):
    async def steps():
        before = await following.moved(two[1], 1)
        after = await following.moved(two[1], 2)

        assert after.release is before.release
        assert (after.epoch, following.server.telemetry.swaps) == (2, 1)
        await following.server.stop()

    run(steps())


def test_requests_are_answered_while_releases_are_swapped(tmp_path, releases, two):
    _, first, second = two
    following = Following(tmp_path, releases)
    following.server = RankingServer(
        following.source,
        tmp_path / "predictions",
        lambda: END,
        pace=Pace(pointer=0.01),
    )
    following.point(first, 1)
    answered = []

    async def steps():
        following.server.start()
        async with asyncio.timeout(60):
            while following.server.serving is None:
                await asyncio.sleep(0.01)
            following.point(second, 2)
            while not answered or answered[-1] != second:
                answered.append(following.server.rank(ASKED, "r").release)
                await asyncio.sleep(0.001)
        await following.server.stop()

    run(steps())

    assert set(answered) == {first, second}
    assert answered == sorted(answered, key=[first, second].index)
    counts = following.server.log_counts()
    assert counts.stored == counts.accepted == len(answered)


def test_an_epoch_far_ahead_that_no_key_signed_wedges_nothing(
    tmp_path, releases, two, monkeypatch
):
    """A rollback by whoever can write the pointer: refused, and the mended pointer is taken."""
    _, first, second = two
    monkeypatch.setattr("sluice.serving.release.score_in_child", scores_here)
    keys, pointers = KeyRing(tmp_path / "keys"), tmp_path / "pointers"
    keys.generate()
    source = PointerSource(pointers, "for_you", releases, keys)
    server = RankingServer(source, tmp_path / "predictions", lambda: END)

    async def steps():
        write_pointer(pointers, Pointer("for_you", 2, second, 2), keys)
        await server.look()
        for forged in (
            Pointer("for_you", 1, first, 999),
            Pointer(
                "for_you", 2, second, 999
            ),  # by which the next move would be fenced off
        ):
            (pointers / "for_you.json").unlink()
            write_pointer(pointers, forged)
            assert source.changed()
            await server.look()
            assert (server.serving.release.digest, server.serving.epoch) == (second, 2)
            assert "is not signed" in server.refusal

        write_pointer(pointers, Pointer("for_you", 1, first, 3), keys)
        await server.look()
        assert (server.serving.release.digest, server.serving.epoch) == (first, 3)
        assert server.refusal == ""
        await server.stop()

    run(steps())


def scores_here(files, limits):
    scorer = load_scorer(files)
    golden = decode_golden(files.read(GOLDEN_NAME))
    return [scorer.scores(each.request).tolist() for each in golden]


@pytest.mark.timeout(60)
def test_a_fifo_in_the_pointers_place_hangs_nobody(tmp_path):
    os.mkfifo(tmp_path / "for_you.json")
    source = PointerSource(tmp_path, "for_you", tmp_path)

    assert source.changed()
    with pytest.raises(IntegrityError, match="not a plain file"):
        source.assignment()
    assert not source.changed()


def test_a_folder_of_pointers_that_is_none_is_no_change_and_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    source = PointerSource(tmp_path / "file", "for_you", tmp_path)

    assert not source.changed()
    with pytest.raises(IntegrityError, match="cannot be read"):
        source.assignment()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{}", b'{"release": "x", "epoch": null}', b"[]"]
)
def test_a_pointer_that_cannot_be_read_is_refused(tmp_path, content):
    (tmp_path / "for_you.json").write_bytes(content)

    with pytest.raises(IntegrityError, match=r"for_you\.json"):
        PointerSource(tmp_path, "for_you", tmp_path).assignment()


def test_before_the_first_promotion_there_is_nothing_to_serve(tmp_path):
    with pytest.raises(NotFound, match="no champion yet"):
        PointerSource(tmp_path, "for_you", tmp_path).assignment()


def test_a_pointer_is_looked_at_again_only_when_it_was_replaced(following):
    source = following.source
    assert not source.changed()

    following.point("a" * 64, 1)
    assert source.changed()

    assert source.assignment().epoch == 1
    assert not source.changed()


def test_the_environment_says_which_release_is_served(tmp_path):
    packaged = tmp_path / "packaged"
    (packaged / "abc").mkdir(parents=True)

    def source(**environ):
        return source_from(environ, tmp_path / "pointers", tmp_path / "releases", packaged)

    assert source() == FixedSource(packaged / "abc", "abc")
    assert source(SLUICE_RELEASE="/r/def") == FixedSource(Path("/r/def"), "def")
    assert source(SLUICE_RELEASE="/r/def", SLUICE_RELEASE_DIGEST="d") == FixedSource(
        Path("/r/def"), "d"
    )
    assert isinstance(source(SLUICE_SURFACE="for_you"), PointerSource)


def test_a_server_that_nobody_tells_what_to_serve_does_not_start(tmp_path):
    with pytest.raises(ConfigError, match="SLUICE_RELEASE"):
        source_from({}, tmp_path, tmp_path, tmp_path / "none")
