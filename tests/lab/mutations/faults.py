"""Faults to be put into the library one after the other, each with the tests that must catch it.

Each is a few words of one file. They are the mistakes that peers of this library have been bitten by, and those that
its own promises forbid.
"""

from __future__ import annotations

from typing import NamedTuple

_MACHINE = "tests/core/test_machine.py"
_EVERY_BYTE = "tests/lab/hostile/test_every_byte.py"
_PROMISES = "tests/core/test_promises.py"
_GUARD = "                well = False\n                self._harmed(observer)\n        if not well:\n"
_ISOLATION = "tests/gateway/test_gateway_isolation.py"
_RECONNECTING = "tests/core/test_reconnecting.py"
_SCREEN = "tests/gateway/test_gateway_method_info.py::CommandFilterTests"
_PROBING = "tests/core/test_probing.py::BrowserProbeTests"
_RECOVERY = "tests/recording/test_recording_files.py::RecoveryTests"


class Fault(NamedTuple):
    """One fault.

    :ivar name: what goes wrong with it.
    :ivar file: where it is put, in the package.
    :ivar old: what stands there, exactly once.
    :ivar new: what is put there.
    :ivar tests: each of these has to fail, given as to pytest.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


FAULTS = (
    # 1. Every Deferred fires.
    Fault(
        "a detach leaves the session's commands waiting",
        "_core/sessions/session_table.py",
        "                self._pending.fail(why, each)\n",
        "",
        (f"{_PROMISES}::EveryDeferredFiresTests::test_detach", _MACHINE),
    ),
    Fault(
        "ids are looked up session by session, and a refusal without one reaches nobody",
        "_core/dispatch/pending.py",
        "        pending = self._waiting.pop(number, None)\n        if pending is None:\n",
        "        pending = self._waiting.pop(number, None)\n"
        "        if pending is None or getattr(pending.owner, 'id', None) and b'\"sessionId\"' not in message:\n",
        (f"{_PROMISES}::EveryDeferredFiresTests::test_a_reply_is_found_by_its_id_alone", _MACHINE),
    ),
    Fault(
        "commands have no deadline",
        "_core/dispatch/pending.py",
        "None if timeout is None else self.deadlines.add(number, timeout, now)",
        "None",
        (f"{_PROMISES}::EveryDeferredFiresTests::test_timeout_and_late_reply", _MACHINE),
    ),
    Fault(
        "a crash leaves the target's commands waiting",
        "_core/sessions/session.py",
        "            fail_pending()\n",
        "",
        (f"{_PROMISES}::EveryDeferredFiresTests::test_crash",),
    ),
    Fault(
        "a lost line leaves all commands waiting",
        "_core/dispatch/dispatcher.py",
        "        self.pending.fail(lost)\n",
        "",
        (f"{_PROMISES}::EveryDeferredFiresTests::test_connection_lost",),
    ),
    Fault(
        "the late reply to a cancelled command is taken for a stranger's",
        "_core/dispatch/pending.py",
        "        self._given_up[number] = None\n",
        "",
        (
            f"{_PROMISES}::EveryDeferredFiresTests::test_cancel",
            f"{_PROMISES}::EveryDeferredFiresTests::test_timeout_and_late_reply",
        ),
    ),
    Fault(
        "a cancelled command still waits for its reply, which then fires it again",
        "_core/dispatch/pending.py",
        "        if isinstance(deferred, PendingCommand) and self._give_up(deferred):\n",
        "        if isinstance(deferred, PendingCommand):\n",
        (f"{_PROMISES}::EveryDeferredFiresTests::test_cancel",),
    ),
    # 2. Every stream ends.
    Fault(
        "streams go on waiting when the line is lost",
        "_core/sessions/streams.py",
        "            stream.end(error)\n",
        "",
        (f"{_PROMISES}::EveryStreamEndsTests::test_unclean_loss_is_an_error", _MACHINE),
    ),
    Fault(
        "a parent's detach leaves its children",
        "_core/sessions/session_table.py",
        "            if each.parent in ending:\n",
        "            if each in ending:\n",
        (f"{_PROMISES}::DetachTests::test_a_parents_detach_ends_its_children",),
    ),
    Fault(
        "a crash is told to the commands, and not to the streams",
        "_core/sessions/session.py",
        "                fail_subscribers(error)\n",
        "                pass\n",
        (f"{_PROMISES}::EveryStreamEndsTests::test_crash_is_an_error",),
    ),
    Fault(
        "a line that has ended before there was a connection over it ends nothing",
        "_transports/websocket_protocol.py",
        "            self._reactor.callLater(0, receiver.transport_closed, lost)\n",
        "            pass\n",
        ("tests/transports/test_websocket.py::ClosingTests::test_before_anybody_listens", _EVERY_BYTE),
    ),
    # 3. Order.
    Fault(
        "a new target runs before it is set up",
        "_core/sessions/session_table.py",
        "        self.sessions[session._key] = session\n        for policy in policies:\n",
        "        self.sessions[session._key] = session\n        let_run(session)\n        for policy in policies:\n",
        ("tests/core/test_attach.py::AutoAttachTests::test_a_new_target_is_set_up_before_it_runs",),
    ),
    Fault(
        "a navigation overtakes the enabling",
        "_core/sessions/sending.py",
        "self._enabling.busy and method in OVERTAKES",
        "False and method in OVERTAKES",
        ("tests/core/test_enabling.py::EnablingTests::test_navigation_does_not_overtake_what_was_enabled_by_hand",),
    ),
    # 4. One bad subscriber harms only itself.
    Fault(
        "a subscriber that raises starves those behind it",
        "streams/_fanout.py",
        _GUARD,
        _GUARD.replace("        if not well", "                return\n        if not well"),
        (f"{_PROMISES}::OneBadSubscriberTests::test_in_on_next", _MACHINE),
    ),
    Fault(
        "a subscriber that raises is called again",
        "streams/_fanout.py",
        _GUARD,
        _GUARD.replace("self._harmed(observer)", "continue"),
        (f"{_PROMISES}::OneBadSubscriberTests::test_in_on_next",),
    ),
    Fault(
        "messages are delivered while another one is being delivered",
        "_core/dispatch/inbox.py",
        "        if self._busy:\n            self._held.append(message)\n",
        "        if not self:\n            self._held.append(message)\n",
        (f"{_PROMISES}::OneBadSubscriberTests::test_messages_from_within_a_delivery_wait", _MACHINE),
    ),
    # 5. No message can hurt.
    Fault(
        "a message that cannot be read is not counted",
        "_core/dispatch/inbox.py",
        "        self._stats.malformed += 1\n",
        "",
        (f"{_PROMISES}::NoFrameCanHurtTests::test_the_whole_table",),
    ),
    Fault(
        "lone surrogates end the decoding",
        "protocol/_records.py",
        "        return _from_loose_json(text)\n",
        "        raise MalformedMessage('not JSON') from None\n",
        ("tests/protocol/test_wire.py",),
    ),
    Fault(
        "an event's session is looked for in its parameters",
        "protocol/_wire.py",
        "event.rfind(_SESSION,",
        "event.find(_SESSION,",
        ("tests/protocol/test_wire.py",),
    ),
    Fault(
        "the short path takes the beginning of a message for all of it",
        "_transports/frames.py",
        "data[at] == TEXT:",
        "data[at] & 15 == 1:",
        ("tests/transports/test_websocket.py::SamePathTests", "tests/lab/fuzz/test_fuzz_corpus.py"),
    ),
    Fault(
        "a message in three reads loses the middle one",
        "_transports/pipe_framing.py",
        "            self._chunks.append(rest)\n",
        "            self._chunks = [rest]\n",
        ("tests/transports/test_pipe.py::SplitterTests",),
    ),
    # 6. Memory is bounded.
    Fault(
        "what a queue drops is not counted",
        "streams/_queues.py",
        "        self.dropped += 1\n",
        "",
        ("tests/streams/test_queues.py::QueueTests::test_drop_oldest",),
    ),
    Fault(
        "a pause may last for ever",
        "streams/_flow.py",
        "            self._start_timer(max(0.0, self.limit - self._spent), self._too_long)\n",
        "",
        ("tests/streams/test_queues.py::QueueTests::test_a_pause_that_is_too_long",),
    ),
    Fault(
        "any number of commands may wait",
        "_core/dispatch/pending.py",
        "if len(self._waiting) >= self._most and not urgent:",
        "if len(self._waiting) > 10 * self._most and not urgent:",
        ("tests/core/test_bounds.py::PendingTests::test_one_more_than_may_wait_fails_at_once",),
    ),
    # A hang is found out.
    Fault(
        "a line on which no ping is answered is taken for a good one",
        "_transports/heartbeat.py",
        "        self._heard = False\n        self._call = self._clock.callLater(self._timeout, self._check)\n",
        "        self._heard = True\n        self._call = self._clock.callLater(self._timeout, self._check)\n",
        ("tests/transports/test_websocket.py::PingTests::test_ours_unanswered",),
    ),
    # 7. Nothing stays behind.
    Fault(
        "one that leaves takes all listeners of the domain with it",
        "_core/sessions/enabling.py",
        "            self._listeners[domain] -= 1\n",
        "            self._listeners[domain] = 0\n",
        ("tests/core/test_enabling.py::EnablingTests::test_the_last_one_disables_after_a_while",),
    ),
    Fault(
        "a domain that was to be disabled later keeps a call beyond the end",
        "_core/sessions/enabling.py",
        "            call.cancel()\n",
        "            pass\n",
        ("tests/core/test_enabling.py::EnablingTests::test_nothing_is_left_behind", _MACHINE),
    ),
    Fault(
        "the profile of a browser that has ended stays",
        "chrome/_profile.py",
        "                    shutil.rmtree(below, ignore_errors=True)\n",
        "                    pass\n",
        ("tests/chrome/test_launch.py::EndTests::test_everybody_hears_of_a_crash_and_all_is_removed",),
    ),
    Fault(
        "a browser that nobody has closed leaves its directory behind",
        "chrome/_process.py",
        "        if not self._workspace.remove():\n",
        "        if False:\n",
        ("tests/chrome/test_launch.py::EndTests::test_one_that_nobody_has_closed_ends_with_the_shutdown_all_the_same",),
    ),
    # Another line after a lost one.
    Fault(
        "what limits held back fails with the line, though it was never sent",
        "_core/outage.py",
        "        if self._wait:\n            self._dispatcher.pending.give_back(held, lost)\n",
        "",
        (f"{_RECONNECTING}::HeldBackTests::test_too_many_in_flight",),
    ),
    Fault(
        "a connection that is closed tells how the other end took it",
        "_core/connection.py",
        'ConnectionLost(reason.reason if late else "closed on our side", clean=True',
        "ConnectionLost(reason.reason, reason.code, clean=True",
        ("tests/transports/test_losses.py::ConnectionTests::test_all_causes_while_it_is_open_and_while_it_is_closed",),
    ),
    Fault(
        "commands in flight wait on for another line",
        "_core/outage.py",
        "        self._dispatcher.pending.fail(lost)\n",
        "",
        (f"{_RECONNECTING}::LostTests::test_what_is_in_flight_fails_and_is_never_sent_again", _MACHINE),
    ),
    Fault(
        "over another line nothing is set up",
        "_core/sessions/session.py",
        "        if not crashed:\n            self._sending.send_again()\n",
        "        if not crashed:\n",
        (f"{_RECONNECTING}::RestoreTests::test_what_was_set_up_is_set_up_again_in_one_write_and_in_order",),
    ),
    Fault(
        "over another line all commands are sent again",
        "protocol/_stateful.py",
        "        method.endswith(TOGGLES)\n        or method in _SETTINGS\n",
        "        bool(method)\n        or method in _SETTINGS\n",
        (
            f"{_RECONNECTING}::RestoreTests::test_what_leaves_nothing_standing_is_not_sent_again",
            _MACHINE,
        ),
    ),
    Fault(
        "over another line streams are fed no more",
        "_core/sessions/session.py",
        "        self._streams.resume(self._key)\n",
        "",
        (f"{_RECONNECTING}::RestoreTests::test_streams_go_on_and_see_the_gap", _MACHINE),
    ),
    Fault(
        "nobody hears of a gap",
        "_core/sessions/session.py",
        "        self._streams.mark(gap)\n",
        "",
        (f"{_RECONNECTING}::RestoreTests::test_streams_go_on_and_see_the_gap",),
    ),
    Fault(
        "a frame that is gone when the line is back keeps its session waiting",
        "_core/outage.py",
        "            targets.abandon(session, copy.copy(reason))\n",
        "            break\n",
        (f"{_RECONNECTING}::AutoAttachTests::test_a_frame_that_is_gone_ends", _MACHINE),
    ),
    # 8. Secrets stay secret.
    Fault(
        "the headers of a handshake are shown",
        "_transports/websocket_protocol.py",
        "field(default_factory=dict, repr=False)",
        "field(default_factory=dict)",
        ("tests/test_privacy.py::OpeningTests::test_options",),
    ),
    # The gateway.
    Fault(
        "a name of somebody else's passes for the gateway's",
        "gateway/_http/authorizer.py",
        'name.endswith(".localhost")',
        'name.endswith("localhost")',
        ("tests/gateway/test_gateway_authorizer.py::test_the_table",),
    ),
    Fault(
        "web pages may use the gateway without being listed",
        "gateway/_http/authorizer.py",
        "        self._check_origin(head)\n",
        "",
        (
            "tests/gateway/test_gateway_authorizer.py::test_the_table",
            "tests/gateway/test_gateway.py::HttpTests::test_every_path_is_authorized",
        ),
    ),
    Fault(
        "an id that was given to one may be used by another",
        "gateway/_proxy/signed_ids.py",
        'said = f"{kind} {principal.name} {nonce}".encode()',
        'said = f"{kind} {nonce}".encode()',
        ("tests/gateway/test_gateway.py::HttpTests::test_pages_of_other_tokens_are_not_there",),
    ),
    Fault(
        "a client that does not read is fed for ever",
        "gateway/_proxy/relay.py",
        "        self.line.transport.pause()\n        if self._life",
        "        if self._life",
        ("tests/gateway/test_gateway.py::LimitTests::test_a_client_that_does_not_read",),
    ),
    Fault(
        "a browser that its client leaves is given to the next one as it is",
        "gateway/_pool/pool.py",
        "        elif self.is_worn_out(pooled):\n",
        "        elif False:\n",
        ("tests/gateway/test_gateway_pool.py::PoolTests::test_warm_ones_are_kept_within_size",),
    ),
    Fault(
        "a forbidden command may be sent inside of another",
        "gateway/_proxy/command_filter.py",
        "(method == _NESTED or method in self._looks",
        "(method in self._looks",
        ("tests/gateway/test_gateway_method_info.py::CommandFilterTests::test_no_way_round",),
    ),
    Fault(
        "the token of a request is written to the log",
        "gateway/_http/router.py",
        "place=self._place(request),",
        "place=request.path.decode(),",
        ("tests/gateway/test_gateway.py::HttpTests::test_no_secret_is_logged",),
    ),
    Fault(
        "a key that is there twice is judged by its last value, and goes on with both",
        "gateway/_proxy/command_filter.py",
        "command.doubled or isinstance",
        "isinstance",
        ("tests/gateway/test_client_messages.py::JudgedTests::test_hostile_messages",),
    ),
    Fault(
        "a command of a shared browser is carried out without being judged",
        "gateway/_proxy/forwarding.py",
        "checked = self._checked(info, command) if info.special else command",
        "checked = command",
        (
            "tests/gateway/test_client_messages.py::JudgedTests::test_hostile_messages",
            "tests/lab/hostile/test_hostile_commands.py::Shared",
        ),
    ),
    Fault(
        "cookies without a context are those of the browser's own",
        "gateway/_multiplex/command_handlers.py",
        'params = {**params, "browserContextId": client.default}',
        "pass",
        (
            "tests/gateway/test_gateway_virtual_browser.py::RulesTests::"
            "test_every_command_with_an_optional_context_is_told_the_clients_own",
        ),
    ),
    Fault(
        "the body of a request is taken in before anybody is asked for a token",
        "gateway/_http/channel.py",
        "        if self.length != 0:\n",
        "        if False:\n",
        ("tests/gateway/test_gateway_bodies.py::RefusedTests::test_whatever_the_authorizer_objects_to",),
    ),
    Fault(
        "a page of somebody else's can be reached in a shared browser",
        "gateway/_proxy/base_mode.py",
        "if each.principal.name == principal.name and each.browser is not None",
        "if each.browser is not None",
        ("tests/gateway/test_gateway_shared_mode.py::EndpointTests::test_tokens",),
    ),
    Fault(
        "what a client of a shared browser does not read piles up for ever",
        "gateway/_proxy/virtual_transport.py",
        "elif self._waiting and self.unread + size > self._most:",
        "elif False:",
        ("tests/gateway/test_gateway_shared_mode.py::EndTests::test_who_does_not_read",),
    ),
    Fault(
        "a shared browser is given back before it has cleared away what a client has left",
        "gateway/_proxy/upstream.py",
        "if self._leaving.is_set and not self.shared.state.line.asked:",
        "if self._leaving.is_set:",
        ("tests/gateway/test_gateway_shared_mode.py::PlaceTests::test_a_browser_that_does_not_clear_away",),
    ),
    Fault(
        "the sessions of a line to a page may be those of others",
        "gateway/_multiplex/shared_browser.py",
        "self.state.owner(told.info) is not parent.connection.client:",
        "False:",
        ("tests/gateway/test_gateway_virtual_browser.py",),
    ),
    Fault(
        "a line to a page is attached to that of another client",
        "gateway/_multiplex/connections.py",
        "if self._target_id in self.client.targets:",
        "if True:",
        (
            f"{_ISOLATION}::test_nobody_sees_or_touches_what_is_anothers",
            "tests/gateway/test_gateway_page_connections.py::PageLineTests::test_a_page_of_somebody_elses",
        ),
    ),
    Fault(
        "the session of a line to a page outlives the line",
        "gateway/_multiplex/connections.py",
        "            self._shared.detach(self._root)\n",
        "",
        (f"{_ISOLATION}::test_nobody_sees_or_touches_what_is_anothers",),
    ),
    Fault(
        "a client hears of downloads of others",
        "gateway/_multiplex/download_filter.py",
        "if owned:",
        "if True:",
        ("tests/gateway/test_gateway_virtual_browser.py::AddressingTests::test_downloads_of_others",),
    ),
    Fault(
        "a client is told of what is opened in the virtual browsers of others",
        "gateway/_multiplex/shared_browser.py",
        "            client.target_told(told.info)\n",
        "            for each in self.state.clients:\n                each.target_told(told.info)\n",
        (
            f"{_ISOLATION}::test_nobody_sees_or_touches_what_is_anothers",
            f"{_ISOLATION}::test_a_client_hears_the_same_whether_others_are_there_or_not",
        ),
    ),
    Fault(
        "URLs are looked at as they are written, and not as browsers read them",
        "gateway/_urls.py",
        'rest = _IGNORED.sub("", url)',
        "rest = url",
        (f"{_SCREEN}::test_schemes",),
    ),
    Fault(
        "a user's name that looks like a public address hides a private one",
        "gateway/_urls.py",
        '.rpartition("@")[2]',
        '.partition("@")[0]',
        (f"{_SCREEN}::test_private_addresses",),
    ),
    Fault(
        "a page may be opened where it may not be gone to",
        "gateway/_proxy/command_filter.py",
        '    "Target.createTarget": "url",\n',
        "",
        (f"{_SCREEN}::test_schemes",),
    ),
    Fault(
        "a browser is connected to an address that nobody has judged",
        "gateway/_egress/dialing.py",
        "kinds = [self._policy.objection(each, port) for each in found]",
        "kinds = ['' for each in found]",
        (
            "tests/gateway/test_egress.py::ConnectTests::test_what_is_not_public_is_refused",
            "tests/gateway/test_egress.py::ConnectTests::test_a_name_that_changes_its_mind",
        ),
    ),
    Fault(
        "an address that stands for a private one counts as public",
        "gateway/_egress/addresses.py",
        "if address.ipv4_mapped is not None or address in _NAT64:",
        "if False:",
        ("tests/gateway/test_egress.py::AddressTests::test_special_ones",),
    ),
    Fault(
        "browsers find hosts by themselves, past the egress proxy",
        "gateway/_egress/proxy.py",
        '["MAP * ~NOTFOUND"]',
        "['MAP a b']",
        ("tests/gateway/test_egress.py::ArgumentTests::test_nothing_leaves_in_another_way",),
    ),
    Fault(
        "a connection that breaks looks like one that has ended",
        "gateway/_egress/tunnels.py",
        "if reason.check(ConnectionDone) is None:",
        "if False:",
        ("tests/gateway/test_egress.py::TunnelTests::test_a_break_is_passed_on",),
    ),
    # Probing.
    Fault(
        "probes wait behind the commands that hang",
        "_core/probing/rounds.py",
        "None, urgent=True)",
        "None)",
        (f"{_PROBING}::test_limits_on_sending_do_not_hold_it",),
    ),
    Fault(
        "pongs count as life, though a browser that stands still sends them, too",
        "_core/probing/browser_probe.py",
        "self._seen[1] - seen[1] > _PONGS",
        "self._seen[1] - seen[1] > 0",
        (f"{_PROBING}::test_few_bytes_do_not",),
    ),
    # Recording.
    Fault(
        "a recording's file grows for ever",
        "recording/_jsonlines.py",
        "if self._rotate_size is not None and size >= self._rotate_size:",
        "if self._rotate_size is not None and size >= 10 * self._rotate_size:",
        ("tests/recording/test_recording_files.py::RotationTests::test_by_size",),
    ),
    Fault(
        "the torn end of a recording that was left behind stays in it",
        "recording/_files.py",
        "        os.ftruncate(descriptor, whole)\n        os.lseek(descriptor, whole, os.SEEK_SET)\n",
        "        os.lseek(descriptor, 0, os.SEEK_END)\n",
        (f"{_RECOVERY}::test_the_next_writer_finishes_it",),
    ),
    Fault(
        "a file that somebody writes is taken for left behind",
        "recording/_files.py",
        "        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)\n",
        (f"{_RECOVERY}::test_what_is_being_written_is_let_be",),
    ),
    Fault(
        "what a recording drops is not counted",
        "recording/_buffer.py",
        "        self.dropped += 1\n",
        "",
        ("tests/recording/test_recorder.py::OverflowTests::test_the_newest",),
    ),
)
