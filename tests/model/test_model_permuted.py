"""The recorded sequences in other orders that Chromium may choose: what they mean stays the same.

A session's events come from one process, in its order. Between sessions there is no order but this: what a
session tells comes after it was attached and before it is detached; a frame is attached to in a process of its own
after it was told of in the one that it comes from; and what is told of targets comes in one order, from the
browser's own process. What one process says is late by a few messages, not by whole navigations. What was really sent
and received comes by a way of its own; what is told of one request otherwise is told in its order.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.sequences import Input, sequence
from tests.model.test_model_documents import balanced
from tests.model.test_model_exchanges import exchanges_of
from txcdp.domains import network, target
from txcdp.model import BrowserModel, FrameAttached, FrameDetached, NavigationEnded, SessionAttached, SessionClosed

#: How many later messages may come before one.
LATE = 15

#: Those in which more than one session has something to tell.
NAMES = [
    *("frame_out_and_in", "out_of_process_frame", "back_forward_cache_frames", "popup", "popup_blank"),
    *("workers", "prerender_by_tab", "closed_while_loading", "crash"),
    *("worker_requests", "service_worker", "frame_in_flight", "preflight", "failed", "cache", "not_modified"),
    *(
        "redirects",
        "self_redirect",
        "fetch_redirects",
        "keepalive",
        "websocket_left",
        "event_source",
        "crash_in_flight",
    ),
    *("fetch_aborted", "speculated", "hints", "partial_and_head", "data_and_blob", "in_pieces", "priorities"),
]

_EXTRA_INFO = (network.RequestWillBeSentExtraInfo, network.ResponseReceivedExtraInfo)


def interleaved(inputs: tuple[Input, ...], seed: int) -> list[Input]:
    """Return the inputs in another order; a seed, so that a failure is quickly made small."""
    choose = random.Random(seed).choice
    queues: dict[str, deque[tuple[int, Input]]] = {}
    requests: dict[str, deque[int]] = {}
    for index, each in enumerate(inputs):
        of_targets = each.name.startswith("Target.")
        extra = "/extra" if isinstance(each.record, _EXTRA_INFO) else ""
        queues.setdefault("" if of_targets else each.session + extra, deque()).append((index, each))
        if request_id := _request_of(each):
            requests.setdefault(request_id, deque()).append(index)
    attached = {""}
    made = []
    while any(queues.values()):
        first = min(queue[0][0] for queue in queues.values() if queue)
        ready = [
            key
            for key, queue in queues.items()
            if queue
            and queue[0][0] <= first + LATE
            and key.removesuffix("/extra") in attached
            and _may_come(*queue[0], queues, requests)
        ]
        key = choose(ready)
        _, each = queues[key].popleft()
        if request_id := _request_of(each):
            requests[request_id].popleft()
        if isinstance(each.record, target.AttachedToTarget):
            attached.add(each.record.session_id)
        made.append(each)
    return made


def _request_of(each: Input) -> str:
    return "" if isinstance(each.record, _EXTRA_INFO) else getattr(each.record, "request_id", "")


def _may_come(
    index: int, each: Input, queues: dict[str, deque[tuple[int, Input]]], requests: dict[str, deque[int]]
) -> bool:
    if request_id := _request_of(each):
        return requests[request_id][0] == index
    if isinstance(each.record, target.DetachedFromTarget):
        session = each.record.session_id
        return not queues.get(session) and not queues.get(session + "/extra")
    if isinstance(each.record, target.AttachedToTarget):
        through = queues.get(each.session)
        return each.session == "" or not through or through[0][0] > index
    if isinstance(each.record, target.TargetDestroyed):
        return all(not queue for key, queue in queues.items() if key == each.record.target_id)
    return True


def outcome(inputs: Any) -> tuple[Any, ...]:
    """Return what it all meant, in any order."""
    model = BrowserModel()
    changes = [change for each in inputs for change in model.feed(each.session, each.record)]
    assert model.misread == 0, model.fault
    balanced(changes)
    attached = [each.frame.id for each in changes if isinstance(each, FrameAttached)]
    detached = [each.frame.id for each in changes if isinstance(each, FrameDetached)]
    return (
        sorted(attached),
        sorted(detached),
        sorted((each.navigation.loader_id, each.reason.value) for each in changes if isinstance(each, NavigationEnded)),
        sorted(each.session.id for each in changes if isinstance(each, SessionAttached)),
        sorted(each.session_id for each in changes if isinstance(each, SessionClosed)),
        sorted((each.id, each.url, each.loader_id, each.session_id) for each in model.frames.frames.values()),
        sorted((each.frame_id, each.loader_id, "load" in each.reached) for each in model.documents.documents.values()),
        sorted((each["session_id"], each["id"], each["name"]) for each in model.snapshot()["contexts"]),
        exchanges_of(changes),
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_order_means_the_same(name: str) -> None:
    inputs = sequence(name)
    expected = outcome(inputs)

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32))
    def check(seed: int) -> None:
        assert outcome(interleaved(inputs, seed)) == expected

    check()
