import tomllib
from pathlib import Path

import pytest

from sluice.errors import ConfigError, NotFound
from sluice.gates.spec import TIERS
from sluice.surface import ReviewSpec, Surface, load_surface, surface_path

SHIPPED = Path(__file__).parents[2] / "surfaces" / "for_you.toml"
LEAST = """
name = "feed"
owner = "ann"
[review]
reviewers = ["rita"]
"""
"""All that must be declared."""

REFUSED = [
    # what is written, the key that the message must name, what it must say
    ("colour = 'red'", "colour", "unknown key"),
    ("[data]\nlabels = 'click'", "data.labels", "unknown key"),
    ("[features]\nwindow = ['1h']", "features.window", "unknown key"),
    ("[ranker]\nfamilie = 'lambdamart'", "ranker.familie", "unknown key"),
    ("[ranker.parameters]\ntreees = 3", "ranker.parameters", "there is no 'treees'"),
    ("[gates]\nmandatry = ['data']", "gates.mandatry", "unknown key"),
    ("[gates.quality]\nmargn = 0.1", "gates.quality.margn", "unknown key"),
    ("[gates.replay]\np99 = 3.0", "gates.replay.p99", "unknown key"),
    ("[monitors]\npsi = 0.1", "monitors.psi", "unknown key"),
    ("[schedule]\nevery = '1h'", "schedule.every", "unknown key"),
    ("[data]\nmin_requests = '500'", "data.min_requests", "valid integer"),
    ("[data]\nmin_requests = true", "data.min_requests", "valid integer"),
    ("[features]\nage = 1", "features.age", "valid boolean"),
    ("[features]\nwindows = '1h'", "features.windows", "valid tuple"),
    ("[gates]\nmandatory = 'data'", "gates.mandatory", "valid tuple"),
    ("[ranker]\nseed = 1.5", "ranker.seed", "valid integer"),
    ("[ranker.parameters]\ntrees = '300'", "ranker.parameters", "trees"),
    ("[data]\nlabel = 'clack'", "data.label", "'click'"),
    ("[data]\njudged = '9/7'", "data.judged", "between 0 and 1"),
    ("[data]\njudged = '2/0'", "data.judged", "no fraction"),
    ("[data]\nmin_requests = 0", "data.min_requests", "greater than or equal to 1"),
    ("[data]\nmax_null_rate = 1.5", "data.max_null_rate", "less than or equal to 1"),
    ("[data]\nmax_null_rate = nan", "data.max_null_rate", "finite"),
    ("[features]\nembargo = 'soon'", "features.embargo", "soon"),
    ("[features]\nwindows = ['0s']", "features.windows.0", "longer than nothing"),
    ("[features]\nwindows = ['1h', '1h']", "features", "item.ctr.1h, item.exposure.1h twice"),
    ("[features]\nprior_weight = 0.0", "features.prior_weight", "greater than 0"),
    ("[features]\ntransitions = 9", "features.transitions", "less than or equal to 8"),
    ("[features]\nrelative_of = ['item.clicks']", "features", "no feature item.clicks"),
    ("[ranker]\nfamily = 'deep'", "ranker.family", "there are: popularity, linear, lambdamart, multitask"),
    ("[ranker]\nbaseline = 'deep'", "ranker.baseline", "there are: popularity, linear, lambdamart, multitask"),
    ("[ranker.search]\ntrials = 5", "ranker.search.minutes", "Field required"),
    ("[ranker.search]\nminutes = 0.0", "ranker.search.minutes", "greater than 0"),
    (
        "[ranker]\nfamily = 'popularity'\nparameters = {}\nsearch = { minutes = 5.0 }",
        "ranker.search", "those that have: linear, lambdamart",
    ),
    ("[ranker.parameters]\ntrees = 0", "ranker.parameters", "greater than or equal to 1"),
    ("[gates]\nmandatory = []", "gates.mandatory", "at least 1 item"),
    ("[gates]\nmandatory = ['data', 'data']", "gates", "a gate twice"),
    ("[gates]\nmandatory = ['luck']", "gates.mandatory.0", "'quality'"),
    ("[gates.quality]\nmetric = 'ndcg@0'", "gates.quality.metric", "'ndcg@10'"),
    ("[gates.quality]\nrule = 'better'", "gates.quality.rule", "'superiority'"),
    ("[gates.quality]\nmargin = -0.1", "gates.quality.margin", "greater than or equal to 0"),
    ("[gates.quality]\nmargin = 1.0", "gates.quality.margin", "less than 1"),
    ("[gates.quality]\nconfidence = 0.5", "gates.quality.confidence", "greater than 0.5"),
    ("[gates.quality]\nconfidence = 1.0", "gates.quality.confidence", "less than 1"),
    ("[gates.quality]\nmin_users = 1", "gates.quality.min_users", "greater than or equal to 2"),
    ("[gates]\nmandatory = ['data', 'leakage', 'quality']", "(file)", "tier standard must name replay in gates.mandatory"),
    ("tier = 'critical'", "(file)", "tier critical must name slices, churn, freshness, coverage, served"),
    ("[gates]\nmandatory = ['quality']", "(file)", "must name data, leakage, replay"),
    ("tier = 'vital'", "tier", "'critical'"),
    ("[gates.quality]\nrule = 'equivalence'\nmargin = 0.0", "gates.quality", "can never be shown"),
    ("[gates.slices]\ndimensions = []", "gates.slices.dimensions", "at least 1 item"),
    ("[gates.slices]\ndimensions = ['mood']", "gates.slices.dimensions.0", "'activity'"),
    ("[gates.calibration]\nfloor = 1.2", "gates.calibration", "do not have 1 between them"),
    ("[gates.churn]\nretrains = 1", "gates.churn.retrains", "greater than or equal to 2"),
    ("[gates.freshness]\nmax_age = 'a week'", "gates.freshness.max_age", "a week"),
    ("[gates.coverage]\nmin_share = 0.0", "gates.coverage.min_share", "greater than 0"),
    ("[gates.ecosystem]\nmargin = 1.0", "gates.ecosystem.margin", "less than 1"),
    ("[gates.replay]\nrequests = 0", "gates.replay.requests", "greater than or equal to 1"),
    ("[gates.replay]\np99_ms = inf", "gates.replay.p99_ms", "finite"),
    ("[gates.replay]\nmemory_mb = -1", "gates.replay.memory_mb", "greater than or equal to 1"),
    ("[monitors]\nwindow = '0d'", "monitors.window", "longer than nothing"),
    ("[monitors]\npsi_limit = 0.0", "monitors.psi_limit", "greater than 0"),
    ("[monitors]\nmax_drifted_share = -0.1", "monitors.max_drifted_share", "equal to 0"),
    ("[monitors]\nmin_rows = 0", "monitors.min_rows", "greater than or equal to 1"),
    ("[schedule]\ncron = 'daily'", "schedule.cron", "pattern"),
    ("[schedule]\nmonitor = '1h'", "schedule.monitor", "pattern"),
    ("[schedule]\ntimezone = 'Mars/Olympus'", "schedule.timezone", "no time zone"),
    ("[schedule]\ntimezone = '../../etc/passwd'", "schedule.timezone", "no time zone"),
]  # fmt: skip


def written(tmp_path, text, name="feed"):
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    return path


def test_the_shipped_surface_can_be_obeyed():
    assert load_surface(SHIPPED).name == "for_you"


def test_the_least_declaration_gets_the_defaults(tmp_path):
    surface = load_surface(written(tmp_path, LEAST))

    assert surface == Surface(
        name="feed", owner="ann", review=ReviewSpec(reviewers=("rita",))
    )
    assert surface.gates.mandatory == ("data", "leakage", "quality", "replay")


def critical(tmp_path, reviewers):
    gates = list(TIERS["critical"].gates)
    text = LEAST.replace('["rita"]', str(reviewers)) + f"[gates]\nmandatory = {gates}\n"
    return load_surface(written(tmp_path, "tier = 'critical'\n" + text))


def test_a_critical_surface_has_two_reviewers_who_are_not_its_owner(tmp_path):
    assert critical(tmp_path, ["rita", "rob"]).at_least.approvers == 2
    for too_few in (["rita"], ["rita", "Rita "], ["rita", "ann"]):
        with pytest.raises(
            ConfigError, match="needs 2 reviewers beside its owner, 1 declared"
        ):
            critical(tmp_path, too_few)


def test_what_a_tier_demands_and_in_which_order():
    assert {name: " ".join(tier.gates) for name, tier in TIERS.items()} == {
        "critical": "data leakage quality slices churn freshness coverage served replay",
        "standard": "data leakage quality replay",
        "experimental": "data leakage replay",
    }


@pytest.mark.parametrize("tier", TIERS)
def test_no_tier_goes_without_what_cannot_be_waived(tier):
    assert {"data", "leakage", "replay"} <= set(TIERS[tier].gates)


@pytest.mark.parametrize(("text", "key", "said"), REFUSED)
def test_what_cannot_be_obeyed_is_refused_with_its_key(tmp_path, text, key, said):
    top, table = (f"{text}\n", "") if not text.startswith("[") else ("", f"\n{text}\n")

    with pytest.raises(ConfigError) as refused:
        load_surface(written(tmp_path, top + LEAST + table))

    lines = str(refused.value).splitlines()
    assert lines[0] == f"{tmp_path / 'feed.toml'}:"
    named = [line for line in lines[1:] if line.startswith(f"  {key}: ")]
    assert any(said in line for line in named), str(refused.value)


REVIEWS = [
    ("review = {reviewers = []}", "review.reviewers: Tuple should have at least 1 item"),
    ("review = {reviewers = [' ']}", "review.reviewers.0: String should match pattern"),
    ("review = {reviewers = ['rita', 3]}", "review.reviewers.1: Input should be a valid string"),
    ("review = {}", "review.reviewers: Field required"),
    ("", "review: Field required"),
    ("review = {reviewers = ['ann']}", "review: the owner 'ann' is the only reviewer"),
    ("review = {reviewers = ['Ann ', 'ann']}", "review: the owner 'ann' is the only reviewer"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), REVIEWS)
def test_a_surface_that_nobody_could_approve_is_refused(tmp_path, text, said):
    with pytest.raises(ConfigError, match=r"feed\.toml") as refused:
        load_surface(written(tmp_path, f"name = 'feed'\nowner = 'ann'\n{text}\n"))

    assert said in str(refused.value)


def test_the_owner_may_be_listed_beside_somebody_else(tmp_path):
    text = LEAST.replace('["rita"]', '["ann", "rita"]')

    assert load_surface(written(tmp_path, text)).review.reviewers == ("ann", "rita")


@pytest.mark.parametrize("owner", ["''", "'  '", "3"])
def test_every_surface_has_an_owner(tmp_path, owner):
    with pytest.raises(ConfigError, match="owner: "):
        load_surface(
            written(tmp_path, LEAST.replace("'ann'", owner).replace('"ann"', owner))
        )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name = ", "not TOML"),
        (b"name: feed\nowner: ann\n", "not TOML"),
        (b"name = 'feed'\nname = 'feed'\n", "Cannot overwrite a value"),
        (b"[data]\n[data]\n", "Cannot declare"),
        (b"\xff\xfen\x00", "not TOML"),
        (b"name = 'feed'\0", "not TOML"),
    ],
    ids=["cut off", "yaml", "duplicate key", "duplicate table", "utf-16", "nul"],
)
def test_a_file_that_is_not_toml_is_refused(tmp_path, content, said):
    path = tmp_path / "feed.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=said):
        load_surface(path)


def test_an_empty_file_misses_what_must_be_declared(tmp_path):
    with pytest.raises(ConfigError) as refused:
        load_surface(written(tmp_path, ""))

    assert [line.strip() for line in str(refused.value).splitlines()[1:]] == [
        "name: Field required", "owner: Field required", "review: Field required",
    ]  # fmt: skip


def test_the_name_must_be_that_of_the_file(tmp_path):
    with pytest.raises(ConfigError, match="name is 'feed', the file says 'other'"):
        load_surface(written(tmp_path, LEAST, name="other"))


def test_a_missing_surface_lists_those_there_are(tmp_path):
    written(tmp_path, LEAST)

    with pytest.raises(NotFound, match="surfaces there: feed"):
        load_surface(tmp_path / "fed.toml")


@pytest.mark.parametrize(
    "name", ["../feed", "/etc/passwd", "feed.toml", "Feed", "", "a/b", "a\n"]
)
def test_a_surface_lies_in_its_folder_and_nowhere_else(tmp_path, name):
    with pytest.raises(NotFound, match="no name of a surface"):
        surface_path(tmp_path, name)


def test_digests_follow_what_they_are_about():
    declared = tomllib.loads(SHIPPED.read_text())
    surface = Surface.model_validate(declared)
    same = Surface.model_validate(tomllib.loads(SHIPPED.read_text()))
    other_gate = Surface.model_validate({**declared, "gates": {"replay": {"requests": 7}}})
    other_seed = Surface.model_validate({**declared, "ranker": {"seed": 8}})
    other_cron = Surface.model_validate(
        {**declared, "schedule": {"cron": "0 4 * * *", "monitor": "0 * * * *"}}
    )

    exploring = Surface.model_validate(
        {
            **declared,
            "exploration": {"kind": "epsilon", "epsilon": 0.1, "slots": [3]},
        }
    )

    assert digests(same) == digests(surface) == digests(other_cron)
    assert "exploration" not in surface.declaration
    assert changed(surface, exploring) == (True, True, False)
    assert changed(surface, other_gate) == (False, True, False)
    assert changed(surface, other_seed) == (True, True, False)


def digests(surface):
    return (surface.training_digest, surface.candidate_digest, surface.checks_digest)


def changed(one, other):
    return tuple(a != b for a, b in zip(digests(one), digests(other), strict=True))
