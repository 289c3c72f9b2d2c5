"""The table of keys, without a browser."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txcdp.page._keys import KEYS, MODIFIERS, mac_commands, split


class KeyTests(SynchronousTestCase):
    def test_characters(self):
        """Each printable character of ASCII is a key that writes it, with Shift or without."""
        for number in range(32, 127):
            key = KEYS[chr(number)]
            self.assertEqual((key.key, key.text, key.location, key.shifted), (chr(number), chr(number), 0, None))
        for letter in "abcdefghijklmnopqrstuvwxyz":
            code = f"Key{letter.upper()}"
            self.assertEqual({KEYS[letter].code, KEYS[letter.upper()].code}, {code})
            self.assertEqual({KEYS[letter].key_code, KEYS[letter.upper()].key_code}, {ord(letter.upper())})

    def test_codes(self):
        """A key that is called by its code gives with Shift what stands on it above."""
        self.assertEqual([KEYS[code].key for code in ("KeyA", "Digit3", "Equal", "Quote")], ["a", "3", "=", "'"])
        shifted = [KEYS[code].shifted for code in ("KeyA", "Digit3", "Equal", "Quote")]
        self.assertEqual([each and each.text for each in shifted], ["A", "#", "+", '"'])
        self.assertEqual({KEYS["Digit3"].key_code, KEYS["#"].key_code}, {51})

    def test_places(self):
        """Who names no side means the left one; the keypad's keys go by their codes alone."""
        self.assertEqual([KEYS[each].code for each in ("Shift", "Control", "Alt", "Meta")], SIDES)
        self.assertEqual([KEYS[each].location for each in ("ShiftLeft", "ShiftRight", "Numpad5")], [1, 2, 3])
        self.assertEqual([KEYS[each].key_code for each in ("Shift", "Control", "Alt", "MetaRight")], [16, 17, 18, 92])
        self.assertTrue(KEYS["NumpadEnter"].on_keypad)
        self.assertEqual({KEYS[each].on_keypad for each in ("5", "/", "Enter", "Delete", "Home")}, {False})
        five = KEYS["Numpad5"]
        assert five.shifted is not None
        self.assertEqual((five.key, five.text, five.shifted.text, five.shifted.key_code), ("Clear", "", "5", 101))

    def test_names(self):
        self.assertEqual([KEYS[each].text for each in ("Enter", "\n", "\r", "NumpadEnter", "Tab")], ["\r"] * 4 + [""])
        self.assertEqual((KEYS["F1"].key_code, KEYS["F24"].key_code), (112, 135))
        self.assertEqual((KEYS["Space"].key, KEYS[" "].code), (" ", "Space"))
        numbers = {each.key_code for each in KEYS.values()}
        self.assertTrue(all(0 < each < 256 for each in numbers))

    def test_combinations(self):
        self.assertEqual(split("a"), ["a"])
        self.assertEqual(split("Control+Shift+T"), ["Control", "Shift", "T"])
        self.assertEqual([split(each) for each in ("+", "Shift++", "Control+Shift++")], PLUSES)
        self.assertEqual(split("ControlOrMeta+A"), ["ControlOrMeta", "A"])
        for wrong in ("", "Foo", "Control+", "Ctrl+A", "ab", "é", "Control+Foo"):
            with self.assertRaisesRegex(ValueError, "Unknown key: "):
                split(wrong)
        for wrong, near in {"Ctrl+A": "Control", "enter": "Enter", "Esc": "Escape", "PgDn": "PageDown"}.items():
            with self.assertRaisesRegex(ValueError, f"did you mean '{near}'"):
                split(wrong)

    def test_on_a_mac(self):
        """What a Mac's editor does for shortcuts it has to be told."""
        self.assertEqual(mac_commands("KeyA", frozenset({"Meta"})), ["selectAll"])
        self.assertEqual(mac_commands("KeyZ", frozenset({"Meta", "Shift"})), ["redo"])
        self.assertEqual(mac_commands("KeyA", frozenset({"Control"})), [])
        self.assertEqual(mac_commands("KeyA", frozenset(MODIFIERS)), [])


SIDES = ["ShiftLeft", "ControlLeft", "AltLeft", "MetaLeft"]
PLUSES = [["+"], ["Shift", "+"], ["Control", "Shift", "+"]]
