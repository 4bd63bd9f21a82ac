"""What a surface declares of people who click alike: `[features.alike]`."""

from typing import Literal

from pydantic import Field

from sluice.features.declaration.declared import Declared, PositiveDuration

FORMS = ("rank", "share", "difference", "z")
"""Forms of a column within its request, in the order of the operands of RELATE."""
Form = Literal["rank", "share", "difference", "z"]
ALIKE_COLUMNS = (
    "alike.click", "alike.lift", "alike.click_cosine", "alike.lift_cosine",
    "alike.last_clicks", "alike.last_click",
)  # fmt: skip
"""How near those who clicked the item are to this person, how much nearer than those who were shown it,
both as cosines, and how near they are to those who clicked what this person clicked last."""


class AlikeSpec(Declared):
    """Columns of who clicks alike: a vector a person, by whom an item was clicked and shown."""

    dimensions: int = Field(default=48, ge=2, le=128)
    """Of a person's vector; an item costs 8 bytes for each, and 8 more."""
    refit: PositiveDuration = "1d"
    """Time from one set of vectors to the next, counted from 1970: requests of a day know the vectors of
    what was known before it began. A server keeps those of its release."""
    last_clicks: int = Field(default=5, ge=1, le=8)
    """How many of the person's last clicked items a candidate is held against."""
    relative: tuple[Form, ...] = Field(default=("difference",), strict=False)
    """Forms within the request added for every one of these columns."""
