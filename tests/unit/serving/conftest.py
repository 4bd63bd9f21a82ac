"""One built release for all tests of serving; copies of it are what tests damage."""

import shutil

import pytest

from tests.lib.releases import small_release


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """A release folder that no test may touch; its name is its digest."""
    into = tmp_path_factory.mktemp("pristine releases")
    return into / small_release(into)


@pytest.fixture
def release(pristine, tmp_path):
    """A copy of the release, to be damaged."""
    return shutil.copytree(pristine, tmp_path / pristine.name)
