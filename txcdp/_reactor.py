"""The types of reactors and clocks.

Twisted has an interface for each thing that a reactor can do. mypy takes ``twisted.internet.reactor`` for a module in
which there is nothing, and knows what implements an interface only with the plugin mypy-zope. So where a reactor is
given to the library, what is asked for is what every reactor and every clock can be seen to be: something with a time.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol, TypeAlias, cast

from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorCore,
    IReactorFDSet,
    IReactorPluggableNameResolver,
    IReactorProcess,
    IReactorSSL,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
)


class CallsLater(Protocol):
    """An object that calls functions later."""

    def callLater(self, delay: float, function: Callable[..., Any], /, *args: Any, **keywords: Any) -> IDelayedCall:
        """Call a function after a time in seconds."""


class PendingCall(Protocol):
    """A call that is to come."""

    def active(self) -> bool:
        """Return whether it is still to come."""

    def cancel(self) -> None:
        """Have it not come."""


class CallsBack(Protocol):
    """An object that calls functions later, which take nothing."""

    def callLater(self, seconds: float, function: Callable[[], object], /) -> PendingCall:
        """Call a function after a time in seconds."""


class Timing(CallsLater, Protocol):
    """An object that has the time, too, such as a :class:`~twisted.internet.task.Clock`."""

    def seconds(self) -> float:
        """Return the present time in seconds."""


#: A reactor of which nothing but the time is used: a :class:`~twisted.internet.task.Clock` does as well.
Clock: TypeAlias = Timing | IReactorTime | ModuleType

#: A reactor of which more is used; of what, its type cannot say before :func:`whole` does.
AnyReactor: TypeAlias = Clock


class Reactor(
    IReactorCore,
    IReactorFDSet,
    IReactorPluggableNameResolver,
    IReactorProcess,
    IReactorSSL,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
):
    """A whole reactor."""


def whole(reactor: AnyReactor) -> Reactor:
    """Return a reactor as what can do all that the library needs of one."""
    return cast(Reactor, reactor)
