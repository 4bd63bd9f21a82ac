"""Names of people, as reviews compare them."""


def person(name: str) -> str:
    """The name as it is compared: "Ann " and "ann" are one person."""
    return name.strip().casefold()
