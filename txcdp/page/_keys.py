"""The keys of a keyboard: their names, and what a page is sent when they are pressed.

It is a US keyboard, with the additional keys of others. A key is known by its *code*, which denotes its position
(``"KeyA"``, ``"Digit1"``, ``"ShiftLeft"``), and by what it produces (``"a"``, ``"!"``, ``"Enter"``, ``"Shift"``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from txcdp._arguments import check_text, did_you_mean

#: Modifier keys, and their bits in the protocol.
MODIFIERS: Final = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}

#: Stands for the modifier of shortcuts: ``"Meta"`` where the browser runs on a Mac, else ``"Control"``.
EITHER: Final = "ControlOrMeta"

_LEFT: Final = 1
_RIGHT: Final = 2
_KEYPAD: Final = 3


@dataclass(frozen=True)
class Key:
    """A key, and what it produces.

    :ivar code: its position, by the protocol's name.
    :ivar key: what it produces, by the protocol's name.
    :ivar key_code: its number on Windows, which pages know as ``keyCode``.
    :ivar text: the text that it types; ``""``: none.
    :ivar location: 1: the left one of two, 2: the right one, 3: on the keypad; 0: there is only one.
    :ivar shifted: the key with Shift held; None: the same.
    """

    code: str
    key: str
    key_code: int
    text: str = ""
    location: int = 0
    shifted: Key | None = None

    @property
    def on_keypad(self) -> bool:
        """Whether it is on the keypad."""
        return self.location == _KEYPAD


def split(keys: str) -> list[str]:
    """Return the keys of a combination such as ``"Control+Shift+A"``; a plus is ``"+"``, also at the end.

    :raises ValueError: if one is not a key.
    """
    check_text("key", keys)
    found = []
    name = ""
    for char in keys:
        if char == "+" and name:
            found.append(name)
            name = ""
        else:
            name += char
    found.append(name)
    for each in found:
        check(each)
    return found


def check(name: str) -> None:
    """Refuse anything that is not a key.

    :raises ValueError: if it is not.
    """
    if name not in KEYS and name != EITHER:
        named = [*(each for each in KEYS if len(each) > 1), EITHER] if len(name) > 2 else []
        meant = did_you_mean(name, named, before="; ")
        raise ValueError(
            f'Unknown key: "{name}"{meant or "."} A key is a character of a US keyboard, or one of the names of '
            'keyboard events, such as "Enter", "ArrowLeft", "KeyA" or "Control"; join several with "+"; for text '
            "that no key types, use fill(), press_sequentially() or insert_text()"
        )


def _printing() -> list[Key]:
    """Return the keys that type the character on them."""
    #: The rows: codes, what the keys produce, and what they produce with Shift.
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows: list[tuple[list[str], str, str]] = [
        ([f"Key{each.upper()}" for each in letters], letters, letters.upper()),
        ([f"Digit{each}" for each in "1234567890"], "1234567890", "!@#$%^&*()"),
        (["Backquote", "Minus", "Equal", "Backslash", "BracketLeft"], "`-=\\[", "~_+|{"),
        (["BracketRight", "Semicolon", "Quote", "Comma", "Period", "Slash"], "];',./", '}:"<>?'),
    ]
    numbers = dict(zip("`-=\\[];',./", (192, 189, 187, 220, 219, 221, 186, 222, 188, 190, 191), strict=True))
    found = []
    for codes, plain, shifted in rows:
        for code, key, other in zip(codes, plain, shifted, strict=True):
            number = numbers.get(key) or ord(key.upper())
            found.append(Key(code, key, number, key, shifted=Key(code, other, number, other)))
    return [*found, Key("Space", " ", 32, " ")]


def _naming() -> list[Key]:
    """Return the keys that are named after their function."""
    numbers = {
        "Backspace": 8,
        "Tab": 9,
        "Enter": 13,
        "Pause": 19,
        "CapsLock": 20,
        "Escape": 27,
        "PageUp": 33,
        "PageDown": 34,
        "End": 35,
        "Home": 36,
        "ArrowLeft": 37,
        "ArrowUp": 38,
        "ArrowRight": 39,
        "ArrowDown": 40,
        "PrintScreen": 44,
        "Insert": 45,
        "Delete": 46,
        "ContextMenu": 93,
        **{f"F{each}": 111 + each for each in range(1, 25)},
        "NumLock": 144,
        "ScrollLock": 145,
        "AudioVolumeMute": 173,
        "AudioVolumeDown": 174,
        "AudioVolumeUp": 175,
        "MediaTrackNext": 176,
        "MediaTrackPrevious": 177,
        "MediaPlayPause": 179,
        "AltGraph": 225,
    }
    found = [Key(name, name, number, "\r" if name == "Enter" else "") for name, number in numbers.items()]
    for name, left, right in (("Shift", 16, 16), ("Control", 17, 17), ("Alt", 18, 18), ("Meta", 91, 92)):
        found.append(Key(f"{name}Left", name, left, location=_LEFT))
        found.append(Key(f"{name}Right", name, right, location=_RIGHT))
    return found


def _keypad() -> list[Key]:
    """Return the keypad's keys; without NumLock, its digits are typed only with Shift."""
    plain = "Insert End ArrowDown PageDown ArrowLeft Clear ArrowRight Home ArrowUp PageUp".split()
    numbers = (45, 35, 40, 34, 37, 12, 39, 36, 38, 33)
    found = []
    for digit, (name, number) in enumerate(zip(plain, numbers, strict=True)):
        code = f"Numpad{digit}"
        shifted = Key(code, str(digit), 96 + digit, str(digit), _KEYPAD)
        found.append(Key(code, name, number, location=_KEYPAD, shifted=shifted))
    shifted = Key("NumpadDecimal", ".", 110, ".", _KEYPAD)
    found.append(Key("NumpadDecimal", "Delete", 46, location=_KEYPAD, shifted=shifted))
    for name, char, number in (("Multiply", "*", 106), ("Add", "+", 107), ("Subtract", "-", 109), ("Divide", "/", 111)):
        found.append(Key(f"Numpad{name}", char, number, char, _KEYPAD))
    return [*found, Key("NumpadEnter", "Enter", 13, "\r", _KEYPAD)]


def _by_name() -> dict[str, Key]:
    keys = [*_printing(), *_naming(), *_keypad()]
    named = {each.code: each for each in keys}
    for each in keys:
        if each.location in (0, _LEFT):  # who says "Shift" means the left one, and "1" is not the keypad's
            named.setdefault(each.key, replace(each, shifted=None))
        if each.location == 0 and each.shifted is not None:
            named[each.shifted.key] = each.shifted
    named["\n"] = named["\r"] = named["Enter"]
    return named


#: All keys, by code and by what they produce. If a key is named by its character, it produces that with Shift as well.
KEYS: Final[dict[str, Key]] = _by_name()

#: What a Mac does by itself when keys are pressed, and a page there has to be told to do: editing commands.
MAC_COMMANDS: Final[dict[str, str]] = {
    "Meta+KeyA": "selectAll",
    "Meta+KeyC": "copy",
    "Meta+KeyV": "paste",
    "Meta+KeyX": "cut",
    "Meta+KeyZ": "undo",
    "Shift+Meta+KeyZ": "redo",
    "Backspace": "deleteBackward",
    "Delete": "deleteForward",
    "Alt+Backspace": "deleteWordBackward",
    "Alt+Delete": "deleteWordForward",
    "Meta+Backspace": "deleteToBeginningOfLine",
    "ArrowLeft": "moveLeft",
    "ArrowRight": "moveRight",
    "ArrowUp": "moveUp",
    "ArrowDown": "moveDown",
    "Alt+ArrowLeft": "moveWordLeft",
    "Alt+ArrowRight": "moveWordRight",
    "Meta+ArrowLeft": "moveToLeftEndOfLine",
    "Meta+ArrowRight": "moveToRightEndOfLine",
    "Meta+ArrowUp": "moveToBeginningOfDocument",
    "Meta+ArrowDown": "moveToEndOfDocument",
    "Shift+ArrowLeft": "moveLeftAndModifySelection",
    "Shift+ArrowRight": "moveRightAndModifySelection",
    "Shift+ArrowUp": "moveUpAndModifySelection",
    "Shift+ArrowDown": "moveDownAndModifySelection",
    "Shift+Alt+ArrowLeft": "moveWordLeftAndModifySelection",
    "Shift+Alt+ArrowRight": "moveWordRightAndModifySelection",
    "Shift+Meta+ArrowLeft": "moveToLeftEndOfLineAndModifySelection",
    "Shift+Meta+ArrowRight": "moveToRightEndOfLineAndModifySelection",
    "Shift+Meta+ArrowUp": "moveToBeginningOfDocumentAndModifySelection",
    "Shift+Meta+ArrowDown": "moveToEndOfDocumentAndModifySelection",
}


def mac_commands(code: str, modifiers: frozenset[str]) -> list[str]:
    """Return the editing commands that a Mac executes for a key.

    :param code: the key's.
    :param modifiers: the modifiers held.
    """
    held = [each for each in ("Shift", "Control", "Alt", "Meta") if each in modifiers]
    command = MAC_COMMANDS.get("+".join([*held, code]))
    return [] if command is None else [command]
