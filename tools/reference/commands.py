"""docs/reference/cli.md, from click's own description of each command."""

import inspect
from collections.abc import Iterator

import click

from sluice.cli import main
from tools.reference.markdown import block, code, one_line, page, table

Path = tuple[str, ...]


def leaves(group: click.Group, path: Path = ()) -> Iterator[tuple[Path, click.Command]]:
    """Every command that does something, with the words that call it."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


def commands_page() -> str:
    """Every command with its arguments, options and example."""
    commands = list(leaves(main))
    contents = table(
        ("command", "what it does"),
        ((_link(path), command.get_short_help_str(200)) for path, command in commands),
    )
    return page(
        "# Command line",
        _prose(main),
        contents,
        *(_section(path, command) for path, command in commands),
    )


def _link(path: Path) -> str:
    return f"[`sluice {' '.join(path)}`](#{'-'.join(('sluice', *path))})"


def _section(path: Path, command: click.Command) -> str:
    words = " ".join(("sluice", *path))
    usage = " ".join(command.collect_usage_pieces(click.Context(command, info_name=words)))
    options = [option for option in command.params if isinstance(option, click.Option)]
    return page(
        f"## {words}",
        block(f"{words} {usage}"),
        _prose(command),
        table(("option", "meaning", "default"), (_option(option) for option in options)),
    )


def _prose(command: click.Command) -> str:
    """The help text; what click prints line by line stands in a block."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return page(*(_paragraph(text) for text in paragraphs))


def _paragraph(text: str) -> str:
    return block(text.lstrip("\b\n")) if text.startswith("\b") else one_line(text)


def _option(option: click.Option) -> tuple[str, str, str]:
    names = ", ".join((*option.opts, *option.secondary_opts))
    takes = "" if option.is_flag or option.count else f" {_metavar(option)}"
    meaning = option.help or f"Name of a {option.name}."
    notes = [text for text in (_required(option), _variable(option)) if text]
    return code(names + takes), " ".join((meaning, *notes)), _default(option)


def _metavar(option: click.Option) -> str:
    return option.make_metavar(click.Context(click.Command("sluice")))


def _required(option: click.Option) -> str:
    return "Required." if option.required else ""


def _variable(option: click.Option) -> str:
    return f"Variable `{option.envvar}`." if option.envvar else ""


def _default(option: click.Option) -> str:
    """The declared default; one that is computed or absent is left out."""
    info = option.to_info_dict()["default"]
    plain = isinstance(info, str | int | float) and not isinstance(info, bool)
    return code(str(info)) if plain else ""
