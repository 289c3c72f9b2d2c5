"""The short path for frames against Autobahn's own parser: the same bytes are given to both."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support import client_frames


def mixture(dice: random.Random, frame: Callable[..., bytes], damage: bool) -> bytes:
    """Return frames of all kinds, and with ``damage`` some that break the rules.

    :param frame: makes one, of a payload, an opcode and what else :func:`server_frame` takes.
    """
    made: list[bytes] = []
    for _ in range(dice.randrange(1, 40)):
        size = dice.choice((0, 1, 2, 3, 60, 124, 125, 126, 127, 170, 1000, 5000))
        if dice.random() < 0.03:
            size = dice.choice((65535, 65536, 70_000))
        body = dice.choice((b"{}", "ä€😀".encode(), b"x"))
        body = (body * (size // len(body) + 1))[:size] if body.isascii() else body * (size // len(body))
        chance = dice.random()
        if chance < 0.65:
            made.append(frame(body))
        elif chance < 0.75:
            made.append(frame(body[:125] if body.isascii() else b"", dice.choice((9, 10))))
        elif chance < 0.88:
            cuts = sorted(dice.randrange(len(body) + 1) for _ in range(dice.randrange(1, 4)))
            parts = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
            for index, part in enumerate(parts):
                made.append(frame(part, 1 if index == 0 else 0, fin=index == len(parts) - 1))
                if dice.random() < 0.3:
                    made.append(frame(b"p", 9))
        elif chance < 0.97:
            made.append(frame(body, 2))
        elif damage:
            made.append(
                dice.choice(
                    (
                        frame(b"\xff\xfe\xfd"),
                        frame(b"ok \xe2\x82"),
                        frame(b"x", 5),
                        frame(b"x", rsv=1),
                        frame(b"x", form=16),
                        frame(b"x" * 100_001),
                        frame(b"x", mask=b"abcd"),
                        frame(b"\x03\xe8bye", 8),
                        dice.randbytes(20),
                    )
                )
            )
    return b"".join(made)


class SamePathCase(SynchronousTestCase):
    """What a protocol of ours hears and says is what Autobahn's does."""

    def recording(self, ours: bool, validate: bool) -> Any:
        """Return an open protocol that keeps what it hears: of ours, or of Autobahn's."""
        raise NotImplementedError

    def frame(self, dice: random.Random, payload: bytes, opcode: int = 1, **form: Any) -> bytes:
        """Return a frame that is sent to it."""
        raise NotImplementedError

    def compare(self, seed: int, damage: bool) -> None:
        """Give both the same mixture, in pieces of any size."""
        dice = random.Random(seed)
        validate = dice.random() < 0.5
        data = mixture(dice, lambda *args, **form: self.frame(dice, *args, **form), damage)
        theirs, ours = (self.recording(each, validate) for each in (False, True))
        sizes = dice.choice(((1, 2, 3, 5, 7), (1, 100, 1000, 4096), (65536, 262144), (5000, 9000, 14)))
        at = 0
        while at < len(data):
            size = dice.choice(sizes) * (200 if len(data) > 50_000 and sizes[0] == 1 else 1)
            for protocol in (theirs, ours):
                if not protocol.transport.lost:
                    protocol.dataReceived(data[at : at + size])
            at += size
        for protocol in (theirs, ours):
            protocol.transport.end()
        self.assertEqual(ours.heard, theirs.heard, seed)
        self.assertEqual((ours.state, ours.wasClean), (theirs.state, theirs.wasClean), seed)
        answers = [
            [(each.opcode, each.payload) for each in client_frames(b"".join(protocol.transport.writes[1:]))]
            for protocol in (ours, theirs)
        ]
        self.assertEqual(answers[0], answers[1], seed)
