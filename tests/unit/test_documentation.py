"""Commands, options, files and anchors that the documentation names exist."""

import re
from pathlib import Path

import click
import pytest

from sluice.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
MAKE = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# A command begins a line or inline code; variables may stand before it.
CALL = re.compile(r"(?:^|`|^[A-Z_]+=\S+ )(sluice [a-z][^`\n#;:&]*)", re.MULTILINE)


def page(path):
    return str(path.relative_to(ROOT))


def anchors(path):
    """Ids of the headings, as GitHub and MkDocs make them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles
    }


def wrong_links(path):
    for target in LINK.findall(FENCE.sub("", path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if not there.exists():
            yield f"{target}: no such file"
        elif anchor and anchor not in anchors(there):
            yield f"{target}: no such heading"


def wrong_command(words):
    """Why click would not know these words; None where it would."""
    command, rest = main, words[1:]
    while isinstance(command, click.Group) and rest:
        if rest[0] not in command.commands:
            return f"{' '.join(words)}: {command.name} has no {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    options = {name for option in command.params for name in option.opts} | {"--help", "-h"}
    unknown = [word for word in rest if word.startswith("--") and word not in options]
    return f"{' '.join(words)}: no option {unknown[0]}" if unknown else None


def calls(text):
    for call in CALL.findall(text):
        yield [re.split(r"[=,.|)]", word)[0] for word in call.split()]


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_links_lead_somewhere(path):
    assert list(wrong_links(path)) == []


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_commands_exist(path):
    wrong = (wrong_command(words) for words in calls(path.read_text()))

    assert [problem for problem in wrong if problem] == []


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_make_targets_exist(path):
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", path.read_text(), re.MULTILINE)) <= MAKE


@pytest.mark.parametrize("path", DECISIONS, ids=page)
def test_a_decision_has_its_parts(path):
    lines = path.read_text().splitlines()

    assert lines[0].startswith(f"# {path.name[:4]} ")
    assert lines[2].startswith("Status: ")
    assert "## Decision" in lines


def test_every_decision_is_listed():
    index = (ROOT / "docs" / "decisions" / "index.md").read_text()

    assert [path.name for path in DECISIONS if f"({path.name})" not in index] == []


def test_the_readme_is_one_page():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_a_wrong_command_is_seen():
    assert wrong_command(["sluice", "champion", "crown"])
    assert wrong_command(["sluice", "doctor", "--fast"])
    assert wrong_command(["sluice", "doctor", "--json"]) is None


def test_a_wrong_link_is_seen(tmp_path):
    wrong = tmp_path / "page.md"
    wrong.write_text("# Here\n[a](none.md) [b](#here) [c](#there)\n")

    assert list(wrong_links(wrong)) == ["none.md: no such file", "#there: no such heading"]
