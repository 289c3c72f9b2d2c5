"""``txcdp completion``: completion scripts for bash, zsh and fish, generated from the argument parsers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from txcdp.cli import _argument_types as types

#: Metavars that stand for a file path; a page may be one, too.
_FILES: Final = frozenset({"FILE", "PATH", "FOLDER", "DIRECTORY", "SOURCE", "RECORDING", "URL"})

_BASH: Final = """\
# Completion of txcdp for bash: eval "$(txcdp completion bash)"
_txcdp_words() {{ # the words that begin as what is typed does, one a line
    local IFS=$'\\n' word
    for word in $1; do
        [[ $word == "$cur"* ]] && COMPREPLY+=("$(printf %q "$word")")
    done
}}
_txcdp_files() {{
    compopt -o filenames 2>/dev/null
    local IFS=$'\\n'
    COMPREPLY+=($(compgen -f -- "$cur"))
}}
_txcdp() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} path=txcdp at
    COMPREPLY=()
    [[ $cur == = ]] && cur=
    [[ $prev == = ]] && prev=${{COMP_WORDS[COMP_CWORD-2]}}
    cur=${{cur#[\\"\\']}}
    for ((at = 1; at < COMP_CWORD; at++)); do
        case "$path ${{COMP_WORDS[at]}}" in
            {paths}) path="$path ${{COMP_WORDS[at]}}" ;;
        esac
    done
    case "$path $prev" in
{values}
    esac
    case "$path" in
{commands}
    esac
}}
complete -F _txcdp txcdp
"""


@dataclass(frozen=True)
class Argument:
    """An argument of a command.

    :ivar names: the names of an option, such as ``("-o", "--output")``; empty for a positional argument.
    :ivar says: its help text.
    :ivar metavar: the name of its value; None: it takes none.
    :ivar words: the possible values, if known.
    :ivar files: whether the value is a file path.
    :ivar many: whether it may be repeated.
    """

    names: tuple[str, ...]
    says: str
    metavar: str | None
    words: tuple[str, ...]
    files: bool
    many: bool


@dataclass(frozen=True)
class Command:
    """A command, with its subcommands.

    :ivar path: such as ``("txcdp", "protocol", "diff")``.
    :ivar says: its help text.
    """

    path: tuple[str, ...]
    says: str
    arguments: tuple[Argument, ...]
    beneath: tuple[Command, ...]

    @property
    def options(self) -> tuple[Argument, ...]:
        """Its options."""
        return tuple(each for each in self.arguments if each.names)

    @property
    def positionals(self) -> tuple[Argument, ...]:
        """Its positional arguments."""
        return tuple(each for each in self.arguments if not each.names)


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script for a shell.

    :param parser: of the whole command line.
    :param shell: ``"bash"``, ``"zsh"`` or ``"fish"``.
    """
    return _SCRIPTS[shell](command_of(parser))


def command_of(parser: argparse.ArgumentParser, path: tuple[str, ...] = ("txcdp",), says: str = "") -> Command:
    """Return the command that a parser describes."""
    arguments, beneath = [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {each.dest: each.help or "" for each in action._choices_actions}
            for name, inner in action.choices.items():
                beneath.append(command_of(inner, (*path, name), helps.get(name, "")))
        elif action.help != argparse.SUPPRESS:
            arguments.append(_argument(action))
    return Command(path, says, tuple(arguments), tuple(beneath))


def _argument(action: argparse.Action) -> Argument:
    metavar = None if action.nargs == 0 else str(action.metavar or action.dest.upper())
    says = (action.help or "").replace("%(default)s", str(action.default)).replace("%(default)g", f"{action.default}")
    return Argument(
        tuple(action.option_strings),
        says.replace("%%", "%"),
        metavar,
        _words(action),
        metavar in _FILES,
        action.nargs in ("*", "+") or isinstance(action, argparse._AppendAction),
    )


def _words(action: argparse.Action) -> tuple[str, ...]:
    """Return the possible values of an argument, if they can be listed."""
    if action.choices is not None:
        return tuple(map(str, action.choices))
    if action.type is types.device:
        from txcdp._devices import devices

        return tuple(devices)
    if action.type is types.paper:
        return types.PAPERS
    if action.metavar == "DOMAIN.METHOD":
        from txcdp.codegen.schema import vendored

        return tuple(f"{domain.name}.{each.name}" for domain in vendored()[0].domains for each in domain.commands)
    return ()


def _all(command: Command) -> Iterator[Command]:
    yield command
    for each in command.beneath:
        yield from _all(each)


def _quoted(text: str) -> str:
    """Quote a text for any shell, in one line."""
    return "'" + " ".join(text.split()).replace("'", "'\\''") + "'"


# bash.


def _bash(top: Command) -> str:
    paths = [f'"{" ".join(each.path)}"' for each in _all(top) if each is not top]
    values, commands = [], []
    for each in _all(top):
        path = " ".join(each.path)
        for option in each.options:
            if option.metavar is not None:
                given = "|".join(f'"{path} {name}"' for name in option.names)
                values.append(f"        {given}) {_bash_values([option])}return ;;")
        names = [name for option in each.options for name in option.names]
        words = _words_of(names) if names else "''"
        commands.append(
            f'        "{path}")\n'
            f"            if [[ $cur == -* ]]; then _txcdp_words {words}; else\n"
            f"                {_bash_commands(each)}{_bash_values(each.positionals)}:\n"
            f"            fi ;;"
        )
    return _BASH.format(paths="|".join(paths) or "''", values="\n".join(values), commands="\n".join(commands))


def _bash_commands(command: Command) -> str:
    names = [each.path[-1] for each in command.beneath]
    return f"_txcdp_words {_words_of(names)}; " if names else ""


def _bash_values(arguments: Sequence[Argument]) -> str:
    """Return the code that completes the values of arguments; files are mentioned once."""
    found = [f"_txcdp_words {_words_of(each.words)}; " for each in arguments if each.words]
    return "".join(found) + "_txcdp_files; " * any(each.files for each in arguments)


def _words_of(words: Sequence[str]) -> str:
    return "$'" + "\\n".join(each.replace("\\", "\\\\").replace("'", "\\'") for each in words) + "'"


# zsh.


def _zsh(top: Command) -> str:
    functions = [_zsh_function(each) for each in _all(top)]
    return "#compdef txcdp\n# Completion of txcdp for zsh, for a file _txcdp in a folder of $fpath.\n" + "".join(
        [*functions, '\nif [ "$funcstack[1]" = _txcdp ]; then _txcdp "$@"; else compdef _txcdp txcdp; fi\n']
    )


def _zsh_function(command: Command) -> str:
    specs = [_quoted(_zsh_option(option, name)) for option in command.options for name in option.names]
    lines = "".join(f" \\\n        {each}" for each in specs)
    name = _zsh_name(command)
    if not command.beneath:
        specs = [_quoted(("*" if each.many else "") + f":{_zsh_value(each)}") for each in command.positionals]
        lines += "".join(f" \\\n        {each}" for each in specs)
        return f"{name}() {{\n    _arguments -S{lines}\n}}\n"
    described = "".join(f" \\\n            {_quoted(f'{each.path[-1]}:{each.says}')}" for each in command.beneath)
    cases = "".join(f"            {each.path[-1]}) {_zsh_name(each)} ;;\n" for each in command.beneath)
    return (
        f"{name}() {{\n    local curcontext=$curcontext state line\n    local -a commands\n"
        f"    _arguments -C -S{lines} \\\n        '1:command:->command' \\\n        '*::argument:->argument'\n"
        f"    case $state in\n        command)\n            commands=({described})\n"
        f"            _describe command commands ;;\n        argument)\n            case $words[1] in\n"
        f"{cases}            esac ;;\n    esac\n}}\n"
    )


def _zsh_name(command: Command) -> str:
    return "_" + "_".join(command.path).replace("-", "_")


def _zsh_option(option: Argument, name: str) -> str:
    others = "" if option.many else f"({' '.join(option.names)})"
    says = option.says.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    value = "" if option.metavar is None else f":{_zsh_value(option)}"
    return f"{'*' if option.many else ''}{others}{name}[{says}]{value}"


def _zsh_value(argument: Argument) -> str:
    metavar = str(argument.metavar).replace(":", "\\:")
    if argument.words:
        words = " ".join(
            "".join(c if c.isalnum() or c in "-_./" else f"\\{c}" for c in each) for each in argument.words
        )
        return f"{metavar}:({words})"
    return f"{metavar}:{'_files' if argument.files else ' '}"


# fish.


def _fish(top: Command) -> str:
    lines = ["# Completion of txcdp for fish: txcdp completion fish | source", "complete -c txcdp -f"]
    for command in _all(top):
        seen = [f"__fish_seen_subcommand_from {each}" for each in command.path[1:]]
        below = [f"not __fish_seen_subcommand_from {' '.join(each.path[-1] for each in command.beneath)}"]
        here = "; and ".join([*seen, *(below if command.beneath else [])])
        condition = f"complete -c txcdp -n {_quoted(here)}" if here else "complete -c txcdp"
        lines += [f"{condition} -a {each.path[-1]} -d {_fish_text(each.says)}" for each in command.beneath]
        for option in command.options:
            names = " ".join(f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}" for each in option.names)
            lines.append(f"{condition} {names}{_fish_value(option)} -d {_fish_text(option.says)}")
        for each in command.positionals:
            if each.files or each.words:
                files = " -F" if each.files else ""
                lines.append(f"{condition}{files}" + (f" -a {_fish_words(each.words)}" if each.words else ""))
    return "\n".join(lines) + "\n"


def _fish_value(option: Argument) -> str:
    if option.metavar is None:
        return ""
    if option.words:
        return f" -x -a {_fish_words(option.words)}"
    return " -r -F" if option.files else " -x"


def _fish_words(words: Sequence[str]) -> str:
    # What follows -a is read as a command line again: each word is quoted in it.
    return _fish_text(" ".join(_fish_text(each) if not each.isalnum() else each for each in words))


def _fish_text(text: str) -> str:
    return "'" + " ".join(text.split()).replace("\\", "\\\\").replace("'", "\\'") + "'"


_SCRIPTS: Final[dict[str, Callable[[Command], str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
