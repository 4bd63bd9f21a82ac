"""Which keys a part holds, as a small file of sorted hashes: derived, made again when missing.

```
<root>/.keys/<table>/<part's name>.keys    header, then the hashes as uint64
```
"""

import os
import struct
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from sluice.data.keyed_rows import LOOKED_UP_BY, Hashes, key_hashes

FOLDER = ".keys"
_MAGIC = b"SLUICEK1"
_HEADER = struct.Struct("<8sQqQI4x")
_PROBES = pl.DataFrame(
    {
        "request_id": [
            "",
            "a",
            "0123456789abcdef",
            "some longer text, hashed in several blocks",
        ]
    }
)


@dataclass(frozen=True)
class PartKeys:
    """What is to be known of a part without reading it."""

    hashes: Hashes
    """Of its keys: sorted, each once."""
    latest: int
    """When the last of its rows became available, µs; nominal, see `AVAILABLE`."""

    def may_hold(self, wanted: Hashes) -> bool:
        """Whether the part may hold one of these hashes (sorted, each once)."""
        if not self.hashes.size or not wanted.size:
            return False
        at = np.searchsorted(self.hashes, wanted)
        np.minimum(at, self.hashes.size - 1, out=at)
        return bool((self.hashes[at] == wanted).any())


AVAILABLE = {
    "exposures": pl.col("ts"),
    "feedback": pl.max_horizontal("ts", "received_ts"),
    "items": pl.col("valid_from"),
}
"""When a row may be used."""


def keys_of(table: str, rows: pl.DataFrame) -> PartKeys:
    latest = rows.select(AVAILABLE[table].dt.epoch("us").max()).item()
    return PartKeys(np.unique(key_hashes(table, rows)), latest or 0)


def key_columns(table: str) -> list[str]:
    """The columns that `keys_of` needs."""
    times = AVAILABLE[table].meta.root_names()
    return list(dict.fromkeys([*LOOKED_UP_BY[table], *times]))


def write_keys(path: Path, keys: PartKeys) -> None:
    """Replace the file; it need not survive a power cut, for whoever reads it checks it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = keys.hashes.astype("<u8").tobytes()
    header = _HEADER.pack(
        _MAGIC, _probe(), keys.latest, keys.hashes.size, zlib.crc32(content)
    )
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(header + content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_keys(path: Path) -> PartKeys | None:
    """What `write_keys` wrote; None where it is missing, damaged, or of another hash function."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(content) < _HEADER.size:
        return None
    magic, probe, latest, count, checksum = _HEADER.unpack_from(content)
    body = content[_HEADER.size :]
    if (magic, probe, 8 * count) != (_MAGIC, _probe(), len(body)):
        return None
    if zlib.crc32(body) != checksum:
        return None
    return PartKeys(np.frombuffer(body, "<u8"), latest)


def _probe() -> int:
    """Polars' hash is stable within a version, perhaps not across machines; this tells them apart."""
    return zlib.crc32(key_hashes("exposures", _PROBES).tobytes())
