"""The keys of a keyboard: what each is called, and what a page is told when it is pressed.

It is a keyboard of the US, with all keys that others have, too. A key goes by its *code*, which says where it is
(``"KeyA"``, ``"Digit1"``, ``"ShiftLeft"``), and by what it gives (``"a"``, ``"!"``, ``"Enter"``, ``"Shift"``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from txcdp._arguments import check_text, did_you_mean

#: Keys that change what others mean, and the bits by which the protocol calls them.
MODIFIERS: Final = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}

#: Stands for the modifier of shortcuts: ``"Meta"`` where the browser runs on a Mac, else ``"Control"``.
EITHER: Final = "ControlOrMeta"

_LEFT: Final = 1
_RIGHT: Final = 2
_KEYPAD: Final = 3


@dataclass(frozen=True)
class Key:
    """A key, and what it gives.

    :ivar code: where it is, by the protocol's name.
    :ivar key: what it gives, by the protocol's name.
    :ivar key_code: its number on Windows, which pages know as ``keyCode``.
    :ivar text: what it writes; ``""``: nothing.
    :ivar location: 1: the left one of two, 2: the right one, 3: on the keypad; 0: there is but one.
    :ivar shifted: the same with Shift; None: it gives the same.
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

    :raises ValueError: one is no key.
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
    """Refuse what is no key.

    :raises ValueError: it is none.
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
    """Return the keys that write what stands on them."""
    #: Where a row is: codes, what the keys give, and what they give with Shift.
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
    """Return the keys that are called by what they do."""
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
    """Return the keypad's keys; without NumLock its digits are written with Shift alone."""
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


#: All keys, by code and by what they give. One that goes by the character that it gives, gives that with Shift as well.
KEYS: Final[dict[str, Key]] = _by_name()

#: What a Mac does on its own when keys are pressed, and a page in it has to be told to do: commands of its editor.
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
    """Return what a Mac's editor is told with a key.

    :param code: the key's.
    :param modifiers: those that are held.
    """
    held = [each for each in ("Shift", "Control", "Alt", "Meta") if each in modifiers]
    command = MAC_COMMANDS.get("+".join([*held, code]))
    return [] if command is None else [command]
