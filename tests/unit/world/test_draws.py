"""Draws: known answers of the published generator, and independence from what was drawn before."""

import numpy as np
import pytest

from sluice.world.draws import normal, pair, philox, poisson, uniform

KNOWN = (
    # Counter and key, and the words: the known-answer vectors of Random123 (Salmon et al. 2011).
    ((0, 0, 0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)


@pytest.mark.parametrize(("asked", "words"), KNOWN)
def test_philox_gives_the_published_words(asked, words):
    assert tuple(int(word) for word in philox(*map(np.uint64, asked))) == words


def test_a_draw_hangs_on_its_key_alone():
    first = uniform(7, 3, 5, 11, 2)
    [uniform(7, 3, 5, 11, nth) for nth in range(50)]

    assert uniform(7, 3, 5, 11, 2) == first
    moved = {uniform(8, 3, 5, 11, 2), uniform(7, 4, 5, 11, 2), uniform(7, 3, 6, 11, 2),
             uniform(7, 3, 5, 12, 2), uniform(7, 3, 5, 11, 3)}  # fmt: skip
    assert first not in moved
    assert len(moved) == 5


def test_uniforms_are_uniform_and_pairs_apart():
    both = np.array([pair(1, 2, 3, who, 4) for who in range(4_000)])

    assert ((both > 0) & (both < 1)).all()
    assert np.abs(both.mean(axis=0) - 0.5).max() < 4 * 12**-0.5 / 4_000**0.5
    assert abs(np.corrcoef(both.T)[0, 1]) < 4 / 4_000**0.5


def test_normals_and_counts_have_their_moments():
    normals = np.array([normal(1, 2, 3, who, 4) for who in range(4_000)])
    counts = np.array([poisson(uniform(1, 3, 3, who, 4), 1.7, 60) for who in range(4_000)])

    assert normals.mean() == pytest.approx(0, abs=4 / 4_000**0.5)
    assert normals.std() == pytest.approx(1, abs=4 / 8_000**0.5)
    assert counts.mean() == pytest.approx(1.7, abs=4 * (1.7 / 4_000) ** 0.5)
    assert poisson(0.999999, 1e3, 60) <= 60
