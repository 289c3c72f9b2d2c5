"""The accessibility tree of a page, as assistive technology sees it: roles, names and states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypedDict

from txcdp._core.sessions import Session
from txcdp._deferreds import returns_deferred
from txcdp.domains import accessibility, dom
from txcdp.errors import CommandError
from txcdp.page._evaluation import explained

if TYPE_CHECKING:
    from txcdp.page._handles import ElementHandle

#: The roles of interactive elements.
_CONTROLS: Final = frozenset(
    """
    button checkbox ColorWell combobox DisclosureTriangle listbox menu menubar menuitem menuitemcheckbox menuitemradio
    radio scrollbar searchbox slider spinbutton switch tab textbox tree treeitem
    """.split()
)

#: Roles of landmarks.
_LANDMARKS: Final = frozenset("banner complementary contentinfo main navigation region search form".split())

#: Roles whose descendants are irrelevant.
_LEAVES: Final = frozenset("doc-cover graphics-symbol img image Meter scrollbar slider separator progressbar".split())

#: The properties of a node by the protocol's names: those with text or numbers, booleans, and those that are reported
#: unless they are "false".
_VALUES: Final = "keyshortcuts roledescription valuetext level valuemin valuemax".split()
_FLAGS: Final = (
    "disabled expanded focused modal multiline multiselectable readonly required selected busy atomic".split()
)
_TOKENS: Final = "autocomplete hasPopup invalid orientation live relevant".split()
_MIXED: Final = ("checked", "pressed")


class AccessibilityNode(TypedDict, total=False):
    """A node of the accessibility tree; keys without a value are left out."""

    role: str
    name: str
    value: str | float
    description: str
    keyshortcuts: str
    roledescription: str
    valuetext: str
    disabled: bool
    expanded: bool
    focused: bool
    modal: bool
    multiline: bool
    multiselectable: bool
    readonly: bool
    required: bool
    selected: bool
    busy: bool
    atomic: bool
    checked: bool | str
    pressed: bool | str
    level: float
    valuemin: float
    valuemax: float
    autocomplete: str
    haspopup: str
    invalid: str
    orientation: str
    live: str
    relevant: str
    children: list[AccessibilityNode]


class Accessibility:
    """The accessibility tree of a page; see ``Page.accessibility``.

    :param session: the page's session.
    :param frame_id: returns the id of its main frame.
    """

    def __init__(self, session: Session, frame_id: Callable[[], str]) -> None:
        self._session = session
        self._frame_id = frame_id

    @returns_deferred
    async def snapshot(
        self, *, interesting_only: bool = True, root: ElementHandle | None = None
    ) -> AccessibilityNode | None:
        """Return the tree of the page's main frame, or of an element (``Accessibility.getFullAXTree``).

        :param interesting_only: leave out nodes that say nothing by themselves, such as groups without a name.
        :param root: the element; None means the page.
        :returns: fires with a dict, whose ``children`` are of the same kind: see :class:`AccessibilityNode`; or with
            None if the element is not in the tree. Fails like :meth:`Page.evaluate`.
        """
        session: Session = self._session if root is None else root._injected.session
        try:
            if root is None:
                command = accessibility.get_full_ax_tree(frame_id=self._frame_id())
                nodes = (await session.execute(command)).nodes
                tree = _Tree(nodes)
                start = tree.top()
            else:
                root._check()
                described = (await session.execute(dom.describe_node(object_id=root._remote.object_id))).node
                command = accessibility.get_full_ax_tree(frame_id=await _frame_of(root))
                tree = _Tree((await session.execute(command)).nodes)
                start = tree.of_node(described.backend_node_id)
        except CommandError as error:
            raise explained(error) from error
        if start is None:
            return None
        if not interesting_only:
            return tree.written(start, None)
        wanted = tree.chosen(start)
        return tree.written(start, wanted) if start.node_id in wanted or root is None else None


async def _frame_of(root: ElementHandle) -> str | None:
    frame = await root.owner_frame()
    return None if frame is None else frame._row.id


class _Tree:
    """The nodes of one frame.

    It may be deeper than Python's recursion limit, so no method is recursive.
    """

    def __init__(self, nodes: list[accessibility.AXNode]) -> None:
        self._nodes = {each.node_id: each for each in nodes}
        self._above_focusable = self._all_above(each for each in nodes if _property(each, "focusable"))

    def top(self) -> accessibility.AXNode | None:
        """Return the accessibility node of the document."""
        return next(iter(self._nodes.values()), None)

    def of_node(self, backend_node_id: int) -> accessibility.AXNode | None:
        """Return the accessibility node of a DOM node."""
        found = (each for each in self._nodes.values() if each.backend_dom_node_id == backend_node_id)
        return next(found, None)

    def children(self, node: accessibility.AXNode) -> Iterator[accessibility.AXNode]:
        """Return the children of a node that are not ignored."""
        return (self._nodes[each] for each in node.child_ids or () if each in self._nodes)

    def chosen(self, top: accessibility.AXNode) -> set[str]:
        """Return the ids of the interesting nodes below a node, including it."""
        wanted: set[str] = set()
        waiting = [(top, False)]
        while waiting:
            node, in_control = waiting.pop()
            if self._is_interesting(node, in_control):
                wanted.add(node.node_id)
            if not self._is_leaf(node):
                within = in_control or _role(node) in _CONTROLS
                waiting.extend((each, within) for each in self.children(node))
        return wanted

    def written(self, top: accessibility.AXNode, wanted: set[str] | None) -> AccessibilityNode:
        """Return a node and its descendants in the form that programs get.

        :param wanted: the ids of the nodes to include; other nodes are replaced by their children. None: all.
        """
        written = _described(top)
        waiting = [(each, written) for each in reversed([*self.children(top)])]
        while waiting:
            node, into = waiting.pop()
            if wanted is None or node.node_id in wanted:
                described = _described(node)
                into.setdefault("children", []).append(described)
                into = described
            waiting.extend((each, into) for each in reversed([*self.children(node)]))
        return written

    def _all_above(self, nodes: Iterable[accessibility.AXNode]) -> set[str]:
        """Return the ids of all ancestors of any of these nodes."""
        above: set[str] = set()
        for each in nodes:
            parent = each.parent_id
            while parent is not None and parent not in above:
                above.add(parent)
                node = self._nodes.get(parent)
                parent = None if node is None else node.parent_id
        return above

    def _is_interesting(self, node: accessibility.AXNode, in_control: bool) -> bool:
        role = _role(node)
        if role == "Ignored" or node.ignored or _property(node, "hidden"):
            return False
        if role in _LANDMARKS and _text(node.name):
            return True
        if _property(node, "focusable") or _property(node, "editable") not in (None, ""):
            return True
        if role in _CONTROLS:
            return True
        if in_control:
            return False
        return self._is_leaf(node) and bool(_text(node.name))

    def _is_leaf(self, node: accessibility.AXNode) -> bool:
        """Whether a node's descendants are irrelevant: it is text, an image, or named by all of its contents."""
        if not node.child_ids:
            return True
        role = _role(node)
        editable = _property(node, "editable")
        if editable != "richtext" and (editable not in (None, "") or role in ("textbox", "searchbox")):
            return True
        if role in _LEAVES or role == "StaticText":
            return True
        if node.node_id in self._above_focusable:
            return False
        if _property(node, "focusable") and _text(node.name):
            return True
        return role == "heading" and bool(_text(node.name))


def _described(node: accessibility.AXNode) -> AccessibilityNode:
    described: dict[str, Any] = {"role": _role(node) or "Unknown"}
    for key, value in (("name", node.name), ("value", node.value), ("description", node.description)):
        said = None if value is None else value.value
        if said not in (None, "") or key == "name":
            described[key] = "" if said is None else said
    for name in _VALUES:
        said = _property(node, name)
        if said not in (None, ""):
            described[name] = said
    for name in _FLAGS:
        if _property(node, name) and not (name == "focused" and _role(node) == "RootWebArea"):
            described[name] = True
    for name in _MIXED:
        said = _property(node, name)
        if said is not None:
            described[name] = "mixed" if said == "mixed" else said in (True, "true")
    for name in _TOKENS:
        said = _property(node, name)
        if said not in (None, "", "false", "off", False):
            described[name.lower()] = said
    written: AccessibilityNode = described  # type: ignore[assignment]
    return written


def _role(node: accessibility.AXNode) -> str:
    return "" if node.role is None else str(node.role.value or "")


def _text(value: accessibility.AXValue | None) -> str:
    return "" if value is None else str(value.value or "")


def _property(node: accessibility.AXNode, name: str) -> Any:
    return next((each.value.value for each in node.properties or () if each.name == name), None)
