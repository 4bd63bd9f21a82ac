"""What a command says where a platform is not installed."""

import pytest

from sluice.cli.missing_extra import missing_extra


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("prefect", "prefect"), ("bentoml", "bento"), ("redis", "redis"), ("psycopg", "postgresql"),
        ("great_expectations.core", "monitors"), ("starlette", "platform"),
    ],
)  # fmt: skip
def test_the_extra_that_brings_it_is_named(module, extra):
    known = missing_extra(ModuleNotFoundError(name=module))

    assert known is not None
    assert f"pip install 'sluice[{extra}]'" in str(known)


@pytest.mark.parametrize("module", ["numpy", "sluice.nothing", "a_users_own"])
def test_what_no_extra_brings_is_no_users_error(module):
    assert missing_extra(ModuleNotFoundError(name=module)) is None
