"""A cheap look at LightGBM's text format before LightGBM parses it.

LightGBM kills the process on most truncated or edited models, so a file is held against what its
own header says first. This finds another file, a truncation and an insertion; a flipped digit is
found only by a digest, which whoever loads a release verifies before it comes here.
"""

import re

from sluice.errors import IntegrityError

_HEAD = b"tree\nversion=v4\n"
_END = b"end of trees\n"
_TAIL = b"pandas_categorical:null\n"


def check_booster_text(content: bytes, features: int, source: str) -> None:
    """Hold `content` against its own header and the number of `features` expected.

    Raises:
        IntegrityError: it is no LightGBM model, is cut, or has other columns; names `source`.
    """
    if not content.startswith(_HEAD):
        raise IntegrityError(f"{source}: not a LightGBM text model of version 4")
    if not content.endswith(_TAIL):
        raise IntegrityError(f"{source}: cut: it does not end as LightGBM ends a model")
    columns = int(_header(content, b"max_feature_idx", source)) + 1
    if columns != features:
        raise IntegrityError(
            f"{source}: the model has {columns} columns, {features} are expected"
        )
    declared = sum(int(size) for size in _header(content, b"tree_sizes", source).split())
    trees_at = content.find(_END) - content.find(b"Tree=0")
    if declared != trees_at:
        raise IntegrityError(
            f"{source}: trees take {trees_at} bytes, its header says {declared}"
        )


def _header(content: bytes, key: bytes, source: str) -> bytes:
    objective = re.search(
        rb"^" + key + rb"=([0-9 ]+)$", content[: content.find(b"Tree=")], re.MULTILINE
    )
    if objective is None:
        raise IntegrityError(f"{source}: its header lacks {key.decode()}")
    return objective[1]
