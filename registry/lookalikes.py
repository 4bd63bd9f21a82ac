"""Names that a reader takes for another one: `revi\u0435w` with a Cyrillic e, `s1uice`, `Review `."""

import unicodedata
from collections.abc import Collection

_SHAPES = str.maketrans("10|!i5$@:/-_ ", "lolllssa.....")
_PAIRS = (("vv", "w"), ("rn", "m"), ("cl", "d"))


def passes_for(name: str, names: Collection[str], prefixes: Collection[str] = ()) -> bool:
    """Whether a reader may take the name for one of these, or for one that begins like these.

    Letters of other scripts and marks that are not seen are never let pass: there are thousands
    that look like ours, and a tag's name on Sluice's own pages needs none of them.
    """
    plain = unicodedata.normalize("NFKC", name).strip()
    if not plain.isascii() or not plain.isprintable():
        return True
    looks = _shape(plain)
    return looks in {_shape(label) for label in names} or looks.startswith(
        tuple(_shape(prefix) for prefix in prefixes)
    )


def _shape(text: str) -> str:
    """The word with letters and digits of one look made one."""
    shape = text.casefold().translate(_SHAPES)
    for pair, letter in _PAIRS:
        shape = shape.replace(pair, letter)
    return shape
