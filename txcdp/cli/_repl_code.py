"""What is typed at the prompt, as code whose Deferreds are awaited."""

from __future__ import annotations

import ast
import builtins
import inspect
import traceback
from codeop import CommandCompiler
from types import CodeType, TracebackType
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp.errors import TxcdpError

#: The name of what is typed, in tracebacks.
FILENAME: Final = "<console>"
#: The name under which code finds what awaits its results.
_AWAITED: Final = "__txcdp_awaited__"


class AwaitResults(ast.NodeTransformer):
    """Changes code so that what each of its expressions results in is awaited where it is a Deferred or a coroutine.

    An assignment keeps what it is given: ``loaded = page.goto(...)`` is a Deferred.
    """

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Change a cell of IPython."""
        node.body = [self._awaiting(each) for each in node.body]
        return ast.fix_missing_locations(node)

    def visit_Interactive(self, node: ast.Interactive) -> ast.Interactive:
        """Change a statement of the plain console."""
        node.body = [self._awaiting(each) for each in node.body]
        return ast.fix_missing_locations(node)

    def _awaiting(self, statement: ast.stmt) -> ast.stmt:
        if not isinstance(statement, ast.Expr):
            return statement
        call = ast.Call(ast.Name(_AWAITED, ast.Load()), [statement.value], [])
        return ast.copy_location(ast.Expr(ast.copy_location(ast.Await(call), statement)), statement)


class Compiler:
    """Compiles statements as they are typed, with ``await`` outside of functions."""

    def __init__(self) -> None:
        self._complete = CommandCompiler()
        self._complete.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def compile(self, source: str) -> CodeType | None:
        """Return a statement as code; None while more of it is to come.

        :raises SyntaxError: it is none; :exc:`ValueError` and :exc:`OverflowError` likewise.
        """
        if self._complete(source, FILENAME, "single") is None:
            return None
        flags = self._complete.compiler.flags & ~0x0200 & ~0x4000  # of codeop alone: text that may be incomplete
        tree = compile(source, FILENAME, "single", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
        code = compile(AwaitResults().visit(tree), FILENAME, "single", flags, dont_inherit=True)
        assert isinstance(code, CodeType)
        return code


def offer_awaiting() -> None:
    """Let code that is changed so find what it calls, whatever its namespace is."""
    setattr(builtins, _AWAITED, _awaited)


async def _awaited(value: Any) -> Any:
    """Return what a Deferred fires with, or a coroutine returns; anything else as it is."""
    if isinstance(value, Deferred):
        return await _kept(value)
    return await value if inspect.iscoroutine(value) else value


def _kept(deferred: Deferred[Any]) -> Deferred[Any]:
    """Return another Deferred for what one fires with, which keeps that: it can be looked at once more."""
    other: Deferred[Any] = Deferred(lambda _: deferred.cancel())

    def fired(result: Any) -> Any:
        if not other.called:
            other.callback(result)
        return None if isinstance(result, Failure) else result

    deferred.addBoth(fired)
    return other


def described(error: BaseException) -> str:
    """Return the text of an error: of what was typed in the traceback, and of other code where it is no error of ours.

    What the library says of a browser needs no look at the library.
    """
    shown = _from_typed(error.__traceback__)
    lines = traceback.format_exception(type(error), error, shown, chain=not isinstance(error, TxcdpError))
    if isinstance(error, TxcdpError):
        typed = [each for each in traceback.extract_tb(shown) if each.filename.startswith((FILENAME, "<ipython"))]
        heading = ["Traceback (most recent call last):\n", *traceback.format_list(typed)] if len(typed) > 1 else []
        lines = [*heading, *traceback.format_exception_only(type(error), error)]
    return "".join(lines)


def _from_typed(found: TracebackType | None) -> TracebackType | None:
    """Leave out what has called the code that was typed."""
    first = found
    while first is not None and first.tb_frame.f_code.co_filename != FILENAME:
        first = first.tb_next
    return first or found
