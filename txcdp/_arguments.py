"""What arguments of the public surface have in common."""

from __future__ import annotations

import difflib
import inspect
import math
import os
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Final

from txcdp._privacy import shortened

#: How many values an error lists; where there are more, it names the nearest one alone.
_LISTED: Final = 15

#: How much of a name is compared with others, which takes time.
_COMPARED: Final = 60

#: A name of a header, and what cannot be in a value. Chromium sends half a surrogate pair as a question mark.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE_BREAKS: Final = re.compile(r"[\0\r\n]")
_HALF_PAIRS: Final = re.compile("[\ud800-\udfff]")

#: Modules whose frames are not the caller that a warning is meant for: Twisted starts our coroutines.
_INNER: Final = ("txcdp", "twisted")

#: What was warned of, so much of it at the most: others may have written it, such as the callers of a node, and Python
#: forgets nothing.
_warned: dict[Any, Any] = {}
_REMEMBERED: Final = 1_000


def refuse_bare_string(name: str, value: Iterable[object] | None, of: type[list[str] | tuple[str]] = list) -> None:
    """Refuse one string where several are wanted: each of its letters would count as one.

    :param name: the argument's.
    :param of: what to write instead.
    :raises TypeError: it is a str or bytes; the text says what to write.
    """
    if isinstance(value, str | bytes):
        instead = f"({value!r},)" if of is tuple else f"[{value!r}]"
        raise TypeError(shortened(f"{name}={value!r}: expected a {of.__name__} of strings; write {name}={instead}"))


def check_text(name: str, value: object) -> None:
    """Refuse what is no text where one is wanted.

    :raises TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError(shortened(f"{name}={value!r}: expected a str"))


def check_header(argument: str, header: object, value: object) -> None:
    """Refuse a header that cannot be sent.

    :param argument: what it was given as.
    :raises TypeError: its name or its value is no text.
    :raises ValueError: it has what no header can have.
    """
    if not isinstance(header, str) or not isinstance(value, str):
        raise TypeError(f"{argument}: a header's name and value must be str, not {header!r} and {type(value).__name__}")
    if not _HEADER_NAME.fullmatch(header):
        raise ValueError(f"{argument}: {header!r} is not a valid header name; give one such as 'X-Token'")
    if _LINE_BREAKS.search(value):
        raise ValueError(f"{argument}: the value of {header!r} cannot contain line breaks or NUL; percent-encode them")
    if half := _HALF_PAIRS.search(value):
        said = f"{argument}: the value of {header!r} contains half of a surrogate pair"
        raise ValueError(f"{said}, {half[0]!a}, which cannot be encoded; leave it out")


def check_path(name: str, value: object) -> None:
    """Refuse what is no path of a file, such as a dict of options, which Puppeteer's methods begin with.

    :raises TypeError: it is none.
    """
    if not isinstance(value, str | os.PathLike):
        options = "; options are keyword arguments" if isinstance(value, Mapping) else ""
        raise TypeError(shortened(f"{name}={value!r:.100}: expected the path of a file{options}"))


def check_function(name: str, value: object) -> None:
    """Refuse what cannot be called where a function is wanted.

    :raises TypeError: it is none.
    """
    if not callable(value):
        raise TypeError(shortened(f"{name}={value!r}: expected a function"))


def check_reactor(reactor: object) -> None:
    """Refuse what is no reactor, such as a URL where it was forgotten.

    :raises TypeError: it is none.
    """
    if not callable(getattr(reactor, "callLater", None)):
        raise TypeError(shortened(f"reactor={reactor!r}: the reactor comes first; react(main) calls main(reactor)"))


def check_numbers(options: Any, from_zero: Collection[str] = ()) -> None:
    """Refuse numbers that cannot be meant in a dataclass of options: those below 0, NaN, and 0 itself.

    :param from_zero: names of fields that may be 0.
    :raises ValueError: one is refused; the text says which, and what is wanted.
    """
    for each in fields(options):
        value = getattr(options, each.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not (value > 0 or (value == 0 and each.name in from_zero)):
            least = "at least" if each.name in from_zero else "more than"
            raise ValueError(f"{each.name}={value!r}: must be {least} 0")


def check_number(
    name: str, value: object, least: float, most: float = math.inf, *, above: bool = False, whole: bool = False
) -> None:
    """Refuse what is no number that can be meant.

    :param name: the argument's.
    :param least: the least that it can be.
    :param most: the most; without it any finite one.
    :param above: whether it has to be more than the least.
    :param whole: whether it has to be an int.
    :raises TypeError: it is of another type.
    :raises ValueError: it cannot be; the text says what can.
    """
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise TypeError(f"{name}={value!r:.100}: expected {'an int' if whole else 'a number'}")
    if not (least < value if above else least <= value) or not value <= most or value == math.inf:
        wanted = f"from {least:g} to {most:g}" if most < math.inf else f"at least {least:g}"
        raise ValueError(f"{name}={value!r}: must be {f'more than {least:g}' if above else wanted}")


def most_arguments(function: Callable[..., object]) -> int | None:
    """Return how many arguments a function takes by position; None: any number, or nobody knows."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin does not say
        return None
    if any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(each.kind in kinds for each in parameters)


def warn_caller(words: str) -> None:
    """Give a warning that shows the line of the program by which all of this was called; once for the same words."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _INNER:
        frame = frame.f_back
    if len(_warned) >= _REMEMBERED:
        _warned.clear()
    where = frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__")
    warnings.warn_explicit(words, UserWarning, *where, registry=_warned)


def near_names(name: object, known: Iterable[str], most: int = 1) -> list[str]:
    """Return the names that are most like one that there is not, the nearest first.

    Case and underscores do not count. What begins as it does is nearest: ``"geo"`` stands for ``"geolocation"``.

    :param most: how many.
    """
    folded = {fold_name(each): each for each in known}
    said = fold_name(str(name)[:_COMPARED])
    within = [each for each in folded if len(said) > 2 and said in each]
    begun = sorted((each for each in within if each.startswith(said)), key=len)
    near = begun or difflib.get_close_matches(said, folded, most) or within
    return [folded[each] for each in near[:most]]


def did_you_mean(name: object, known: Iterable[str], most: int = 1, before: str = "") -> str:
    """Return the question for the names that are most like one that there is not; empty where none is.

    :param most: how many.
    :param before: what stands before the question.
    """
    near = near_names(name, known, most)
    return f"{before}did you mean {' or '.join(map(repr, near))}?" if near else ""


def fold_name(name: str) -> str:
    """Return a name as it is compared: without underscores, in small letters."""
    return name.replace("_", "").lower()


def instead_of(value: object, known: Collection[str]) -> str:
    """Return what to write instead of a value that there is not, in words."""
    meant = did_you_mean(value, known)
    if meant and len(known) > _LISTED:
        return meant
    return f"use one of {', '.join(map(repr, known))}" + ("; " + meant if meant else "")


def check_choice(name: str, value: object, known: Collection[str]) -> None:
    """Refuse what is none of the values that there are.

    :param name: the argument's.
    :raises ValueError: it is none; the text says which there are, or which is meant.
    """
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}={value!r:.100}: {instead_of(value, known)}")


def unknown_name(what: str, name: object, known: Iterable[str]) -> str:
    """Return the text about an unknown name; ``what`` is such as "unknown option"."""
    names = sorted(known)
    todo = did_you_mean(name, names) or f"use one of {', '.join(names)}"
    return f"{what} {name!r}; {todo}"


def refuse_other_options(
    what: str,
    function: Callable[..., Any],
    given: Mapping[str, Any],
    without: Collection[str] = (),
    besides: Collection[str] = (),
) -> None:
    """Refuse options that a function does not take.

    :param what: names them, for the error.
    :param function: whose keyword arguments are options.
    :param without: names that it takes, and that are refused all the same.
    :param besides: names that are options, too.
    :raises ValueError: one is none of these.
    """
    takes = _options_of(function)
    for name in given:
        if name in without or not (name in takes or name in besides):
            raise ValueError(unknown_name(f"{what}: unknown option", name, takes.union(besides).difference(without)))


@cache
def _options_of(function: Callable[..., Any]) -> frozenset[str]:
    """Return the names of a method's keyword arguments; kept, since looking takes as long as a command's round trip."""
    parameters = inspect.signature(function).parameters
    return frozenset(name for name, each in parameters.items() if each.kind is inspect.Parameter.KEYWORD_ONLY)
