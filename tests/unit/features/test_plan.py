"""A declaration becomes columns in a fixed order, or is refused by name."""

import pytest
from pydantic import ValidationError

from sluice.errors import ConfigError
from sluice.features.plan import compile_plan
from sluice.features.spec import FeatureSpec


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
