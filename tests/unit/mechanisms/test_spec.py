"""What a surface may declare of mechanisms, and what it is told otherwise."""

import pytest

from sluice.errors import ConfigError
from sluice.mechanisms.spec import needed
from sluice.surface import load_surface

LEAST = 'name = "feed"\nowner = "ann"\n{}\n[review]\nreviewers = ["rita"]\n'
KEEPING = '[features]\nsimilarity = 1\naffinity = ["category"]\n'
FLOORS, SPACING, ADS = (
    f'[[mechanisms]]\nkind = "{kind}"' for kind in ("provider_floors", "spacing", "ads")
)
MMR, DPP, CALIBRATION = (
    f'[[mechanisms]]\nkind = "{kind}"' for kind in ("mmr", "dpp", "calibration")
)
COUNTED = '[[features.counters]]\nkey = "user_category"\nevent = "{}"\nwindows = ["{}"]'
UNFED = [
    (MMR, "mechanisms: mmr reads embeddings, .* declare features.similarity = 1 or more"),
    (f'[features]\naffinity = ["category"]\n{DPP}', "dpp reads embeddings"),
    (CALIBRATION, r'calibration reads interest, .* features.affinity = \["category"\]'),
    (f'[features]\naffinity = ["provider"]\n{CALIBRATION}', "calibration reads interest"),
    (f"{COUNTED.format('like', 'all')}\n{CALIBRATION}", "calibration reads interest"),
    (f"{COUNTED.format('click', '24h')}\n{CALIBRATION}", "calibration reads interest"),
]
REFUSED = [
    ('[[mechanisms]]\nkind = "mmr"\nweigh = 0.1', "mechanisms.0.mmr.weigh: unknown key"),
    (f'{SPACING}\n[[mechanisms]]\nkind = "mmr"\nweight = 1.5', "mechanisms.1.mmr.weight: "),
    ('[[mechanisms]]\nkind = "mmr"\nweight = nan', "mechanisms.0.mmr.weight: "),
    ('[[mechanisms]]\nkind = "mmr"\nweight = "0.1"', "mechanisms.0.mmr.weight: "),
    ('[[mechanisms]]\nkind = "mmr"\nof = "colour"', "mechanisms.0.mmr.of: "),
    ('[[mechanisms]]\nkind = "dpp"\ndepth = 0', "mechanisms.0.dpp.depth: "),
    (f"{SPACING}\nwindow = 2.5", "mechanisms.0.spacing.window: "),
    (f'{SPACING}\nonly = "war"', "mechanisms.0.spacing.only: "),
    (f"{FLOORS}\nfloor = 0.0", "mechanisms.0.provider_floors.floor: "),
    (f"{FLOORS}\nfloor = 1.1", "mechanisms.0.provider_floors.floor: "),
    ('[[mechanisms]]\nkind = "calibration"\nmin_history = -1', "calibration.min_history: "),
    (f"{ADS}\nalpha = inf", "mechanisms.0.ads.alpha: "),
    (f"{ADS}\ngap = 0", "mechanisms.0.ads.gap: "),
    ('[[mechanisms]]\nkind = "magic"', "mechanisms.0: .*'mmr', 'dpp'"),
    ("[[mechanisms]]\nweight = 0.1", "mechanisms.0: "),
    ('[mechanisms]\nkind = "mmr"', "mechanisms: "),
    (f"{SPACING}\n{SPACING}", "mechanisms: declares spacing twice"),
    (f"{SPACING}\n{FLOORS}", "mechanisms: declares provider_floors after others"),
    (f"{ADS}\n{SPACING}", "mechanisms: declares ads before the end"),
]


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "feed.toml"
        path.write_text(LEAST.format(text))
        return load_surface(path)

    return load


@pytest.mark.parametrize(("text", "said"), UNFED)
def test_a_mechanism_whose_column_no_feature_keeps_is_refused(load, text, said):
    with pytest.raises(ConfigError, match=said):
        load(text)


@pytest.mark.parametrize(
    "text",
    [
        f"[features]\nsimilarity = 3\n{MMR}\n{DPP}",
        f'{MMR}\nof = "category"',
        f'[features]\naffinity = ["category"]\n{CALIBRATION}',
        f"{COUNTED.format('click', 'all')}\n{CALIBRATION}",
    ],
)
def test_a_feature_that_keeps_the_column_feeds_the_mechanism(load, text):
    assert load(text).mechanisms


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_cannot_be_obeyed_is_refused_with_its_key(load, text, said):
    with pytest.raises(ConfigError, match=said):
        load(text)


def test_mechanisms_are_applied_in_the_order_in_which_they_are_declared(load):
    found = load(f"{FLOORS}\nfloor = 0.95\n{SPACING}\nweight = 1\n{ADS}").mechanisms

    assert [each.kind for each in found] == ["provider_floors", "spacing", "ads"]
    assert [each.setting for each in found] == [0.95, 1.0, 1.0]


def test_a_surface_that_declares_none_has_none(load):
    assert load("").mechanisms == ()


def test_a_mechanism_is_part_of_a_candidate(load):
    assert load(SPACING).training_digest != load("").training_digest
    assert load(SPACING).candidate_digest != load("").candidate_digest


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", set()),
        (SPACING, {"categories"}),
        (f'{FLOORS}\n{SPACING}\nof = "provider"\n{ADS}', {"providers", "is_ad", "revenue"}),
        (KEEPING + MMR, {"embeddings"}),
        (f'{DPP}\nof = "category"', {"categories"}),
        (KEEPING + CALIBRATION, {"categories", "interest"}),
    ],
)
def test_a_declaration_says_what_a_slate_must_bring(load, text, columns):
    assert needed(load(text).mechanisms) == columns
