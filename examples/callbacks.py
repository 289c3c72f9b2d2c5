"""Commands as Deferreds, with callbacks and errbacks alone: no coroutine in sight.

::

    python -m examples.callbacks

Loads the dashboard of the demo site, asks it three questions at once, provokes two errors, and closes all.

Whoever knows Twisted knows this already: a command returns a Deferred that fires with its typed result, or
fails with a ``Failure`` to ``trap``. New are only the names of the commands, which are Chromium's own: they
are listed at https://chromedevtools.github.io/devtools-protocol/ and, typed, in ``txcdp.domains``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import react
from twisted.python.failure import Failure

import txcdp
from examples.site.server import address, serve, stop
from txcdp import domains as cdp
from txcdp.network import Response


def main(reactor: Any) -> Deferred[Any]:
    """Launch a browser, use it, and see that both it and the site are closed, whatever has happened."""
    site = serve(reactor)
    launching = txcdp.launch(reactor)
    launching.addCallback(use, site)
    launching.addBoth(lambda result: stop(site).addCallback(lambda _: result))
    return launching  # a Failure that nobody trapped ends the program with a traceback


def use(chrome: txcdp.Browser, site: IListeningPort) -> Deferred[None]:
    """Open a page and go through the steps, one after another; then close the browser, which takes the page along."""
    chrome.session.execute(cdp.browser.get_version()).addCallback(lambda version: print("This is", version.product))

    opening = chrome.new_page()
    opening.addCallback(visit, address(site))
    return opening.addBoth(lambda result: chrome.close().addCallback(lambda _: result))


def visit(page: txcdp.Page, url: str) -> Deferred[None]:
    """Load the dashboard: this is the page level, where one call is many commands."""
    loading = page.goto(url)
    answered = loading.addCallback(tell)
    answered.addCallback(lambda _: ask(page))
    answered.addCallback(lambda _: stumble(page))
    return answered.addCallback(lambda _: miss(page))


def tell(response: Response | None) -> None:
    """Say what the server has answered; a page such as about:blank comes without a server."""
    if response is not None:
        print(f"{response.url} answered {response.status}")


def ask(page: txcdp.Page) -> Deferred[None]:
    """Send three commands of three domains; the answers come as they are ready, and gatherResults sorts them."""
    execute = page.session.execute
    questions: list[Deferred[Any]] = [
        page.title(),
        execute(cdp.memory.get_dom_counters()),
        execute(cdp.runtime.get_heap_usage()).addCallback(lambda heap: heap.used_size / 1e6),
    ]

    def tell(answers: list[Any]) -> None:
        title, counters, megabytes = answers
        print(f"{title!r} is {counters.nodes} nodes with {counters.js_event_listeners} listeners,", end=" ")
        print(f"and {megabytes:.1f} MB of JavaScript objects")

    return gatherResults(questions, consumeErrors=True).addCallback(tell)


def stumble(page: txcdp.Page) -> Deferred[None]:
    """Let JavaScript throw, at the two levels: to the page it is an error, to the protocol a result like any other."""

    def recover(failure: Failure) -> None:
        failure.trap(txcdp.EvaluationError)
        print("The page said:", failure.getErrorMessage().partition("\n")[0])

    def look(result: cdp.runtime.EvaluateResult) -> None:
        if result.exception_details is not None:
            print("The protocol said:", result.exception_details.text, "in line", result.exception_details.line_number)

    def ask_the_protocol(_: object) -> Deferred[None]:
        command = cdp.runtime.evaluate(expression="harbour.master")
        return page.session.execute(command).addCallback(look)

    thrown: Deferred[None] = page.evaluate("harbour.master").addErrback(recover)
    return thrown.addCallback(ask_the_protocol)


def miss(page: txcdp.Page) -> Deferred[None]:
    """Ask for a node that is not there: a command that the browser refuses has a code and a message."""

    def explain(failure: Failure) -> None:
        failure.trap(txcdp.CommandError)
        error: Any = failure.value
        print(f"Refused: {error.method} said {error.message!r}, code {error.code}")

    asking = page.session.execute(cdp.dom.describe_node(node_id=1_000_000))
    return asking.addCallbacks(lambda result: print("Found", result.node.node_name), explain)


if __name__ == "__main__":
    react(main)
