"""What lies beyond the usual, and where, as tables for a person."""

from typing import Any

from sluice.cli.output import print_table


def show_usual(usual: dict[str, Any]) -> None:
    """Print the findings of a watched window and the segments that they come from; nothing where none is."""
    if not usual["findings"]:
        return
    findings = [
        (
            finding["name"], finding["where"], finding["figure"], f"{finding['value']:.3g}",
            f"{finding['usual']:.3g}", finding["since"],
        )
        for finding in usual["findings"]
    ]  # fmt: skip
    head = ("what", "where", "figure", "value", "usually up to", "windows")
    print_table("Beyond the usual, the worst first", head, findings)
    places = [
        (place["where"], f"{place['explained']:.0%}", f"{place['rows']:.0%}")
        for place in usual["places"]
    ]
    print_table(
        "Where the worst comes from", ("segment", "of the change", "of the rows"), places
    )
