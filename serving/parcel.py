"""Verified bytes on their way to a child process: a file in memory that nobody can change any more.

A path would let the child read something else than was verified, and a private copy on disk could
still be written by any process of the same user. A sealed memory file cannot be written by anybody,
its maker included, and has no name in any folder.
"""

import fcntl
import json
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sluice.data.files import Files
from sluice.errors import IntegrityError

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


@contextmanager
def parcelled(files: Files) -> Iterator[int]:
    """A handle to the sealed parcel, standing at its start; closed afterwards.

    One line of JSON says whose files they are, and their names and sizes in their order; the bytes follow.
    """
    label = {
        "source": files.source,
        "sizes": {name: len(content) for name, content in files.contents.items()},
    }
    handle = os.memfd_create("sluice-release", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(json.dumps(label).encode() + b"\n")
            for content in files.contents.values():
                file.write(content)
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, _SEALS)
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


def unparcelled(handle: int) -> Files:
    """The files in a parcel.

    Raises:
        IntegrityError: it is not sealed, so that what it holds may change while it is loaded.
    """
    if fcntl.fcntl(handle, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        raise IntegrityError("the files to load came in a parcel that is not sealed")
    with mmap.mmap(handle, 0, prot=mmap.PROT_READ) as content:
        label = json.loads(content.readline())
        contents = {name: content.read(size) for name, size in label["sizes"].items()}
    return Files(label["source"], contents)
