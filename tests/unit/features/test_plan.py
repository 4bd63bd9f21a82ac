"""A declaration becomes columns in a fixed order, or is refused by name."""

import pytest
from pydantic import ValidationError

from sluice.errors import ConfigError
from sluice.features.declaration.plan import compile_plan
from sluice.features.declaration.program import CODE, COLUMN, COUNT, READ_EXTENT
from sluice.features.declaration.spec import CounterSpec, FeatureSpec


def test_columns_come_in_a_fixed_order():
    spec = FeatureSpec(windows=("1h",), relative=("rank",), relative_of=("item.age",))

    assert compile_plan(spec, ("context_device",)).names == (
        "request.size",
        "item.exposure.1h", "item.exposure.all",
        "item.click.1h", "item.click.all",
        "item.ctr.1h", "item.ctr.all",
        "item.age",
        "user_item.exposure", "user_item.click",
        "context_device",
        "item.age.rank",
    )  # fmt: skip


def test_an_undeclared_feature_cannot_be_relative():
    with pytest.raises(ConfigError, match=r"item\.click\.9h"):
        compile_plan(FeatureSpec(relative_of=("item.click.9h",)))


@pytest.mark.parametrize("text", ["1 hour", "0h", "h", "-1h", "1.5h"])
def test_a_window_must_be_a_positive_duration(text):
    with pytest.raises(ValidationError, match="duration"):
        FeatureSpec(windows=(text,))


@pytest.mark.parametrize(
    ("counter", "said"),
    [
        ({"key": "item", "event": "click", "windows": ["1h"]}, "features.windows"),
        ({"key": "user", "event": "purchase", "windows": ["1h"]}, "there are: exposure, click"),
        ({"key": "user", "event": "click"}, "declares nothing"),
        ({"key": "user", "event": "click", "windows": ["0h"]}, "longer than nothing"),
        ({"key": "user", "event": "click", "half_lives": ["30s"]}, "at least 2m"),
        ({"key": "user", "event": "exposure", "windows": ["1h"], "rate": True}, "rate"),
        ({"key": "user", "event": "click", "since": True, "rate": True}, "windows or half_lives"),
        ({"key": "session", "event": "click", "windows": ["1h"]}, "Input should be 'item'"),
        ({"key": "user", "event": "click", "window": "1h"}, "Extra inputs"),
    ],
)  # fmt: skip
def test_a_counter_without_a_meaning_is_refused_with_its_key(counter, said):
    with pytest.raises(ValidationError, match=r"counters\.0") as refused:
        FeatureSpec.model_validate({"counters": [counter]})

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            {"ratios": ["item.click.1h/9d"]},
            r"features\.ratios\.0.*there is no item\.click\.9d",
        ),
        ({"ratios": ["item.click.1h"]}, r"features\.ratios\.0.*write <key>"),
        (
            {"counters": [{"key": "user_item", "event": "click", "windows": ["all"]}]},
            r"features\.counters\.0: user_item\.click\.all is declared already, as user_item\.click",
        ),
        (
            {"counters": [{"key": "user", "event": "click", "windows": ["1h", "1h"]}]},
            r"features\.counters\.0: user\.click\.1h is declared already",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused_with_its_key(declared, said):
    with pytest.raises(ConfigError, match=said):
        compile_plan(FeatureSpec.model_validate(declared))


def test_a_window_must_fit_into_the_horizon():
    with pytest.raises(
        ValidationError, match="horizon '1h' is shorter than the window '6h'"
    ):
        FeatureSpec(horizon="1h")


def test_declared_counters_follow_the_items_own():
    spec = FeatureSpec(
        windows=("1h",), age=False, user_item=False,
        counters=[
            {"key": "provider", "event": "click", "windows": ["1h", "all"], "rate": True},
            {"key": "user", "event": "exposure", "half_lives": ["1d"], "since": True},
        ],
        ratios=("item.click.1h/all",), relative=("z",), relative_of=("provider.ctr.1h",),
    )  # fmt: skip

    assert compile_plan(spec).names[7:] == (
        "provider.click.1h", "provider.click.all", "provider.ctr.1h", "provider.ctr.all",
        "user.exposure.decay_1d", "user.exposure.since",
        "item.click.1h/all",
        "provider.ctr.1h.z",
    )  # fmt: skip


def test_exposures_declared_after_their_rate_have_a_column():
    counters = (
        CounterSpec(key="user", event="click", windows=("1h",), rate=True),
        CounterSpec(key="user", event="exposure", windows=("1h",)),
    )
    plan = compile_plan(FeatureSpec(windows=(), counters=counters))

    column = plan.names.index("user.exposure.1h")
    counted = plan.program.reads[plan.program.reads[:, CODE] == COUNT]
    ends = counted[:, COLUMN] + counted[:, READ_EXTENT]
    assert ((counted[:, COLUMN] <= column) & (column < ends)).any()
