"""Which of the system's errors a person can mend."""

import errno
import os
import shutil

import pytest

from sluice.errors import mendable, no_room


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_asks_for_room_and_promises_to_go_on(number):
    found = mendable(OSError(number, os.strerror(number)))

    assert found is not None
    assert found.exit_code == 2
    assert "make room" in str(found)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_place_that_may_not_be_written_to_is_named(number):
    found = mendable(OSError(number, os.strerror(number), "/srv/home"))

    assert str(found) == f"/srv/home: {os.strerror(number)}"


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "I/O error"), FileNotFoundError(2, "no")]
)
def test_any_other_error_is_nobodys_to_mend(error):
    assert mendable(error) is None


@pytest.mark.parametrize(
    "text",
    [
        str(
            shutil.Error(
                [("a", "b", f"[Errno 28] {os.strerror(errno.ENOSPC)}: 'a' -> 'b'")]
            )
        ),
        "(sqlite3.OperationalError) database or disk is full",
    ],
)
def test_a_full_disk_is_heard_through_any_library(text):
    assert no_room(text)
    assert no_room(text.replace("full", "there").replace("space", "time")) is None
