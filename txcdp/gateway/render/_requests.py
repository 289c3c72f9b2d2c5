"""The JSON schema of each request, as classes; the OpenAPI document is made from the same classes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from txcdp.network._headers import is_of_the_browser
from txcdp.page import WaitUntil

Name = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$(?!\n)")]
Value = Annotated[str, Meta(pattern=r"^[\t -~]*$(?!\n)")]
Pixels = Annotated[int, Meta(ge=1, le=16384)]
Positive = Annotated[float, Meta(gt=0)]
Inches = Annotated[float, Meta(gt=0, le=200)]
Margin = Annotated[float, Meta(ge=0, le=200)]

#: The paper formats: width and height in inches.
PAPERS: dict[str, tuple[float, float]] = {
    "a3": (11.69, 16.54),
    "a4": (8.27, 11.69),
    "a5": (5.83, 8.27),
    "letter": (8.5, 11.0),
    "legal": (8.5, 14.0),
    "tabloid": (11.0, 17.0),
}


class Viewport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The viewport: its size in CSS pixels, and the number of device pixels per CSS pixel."""

    width: Pixels = 1280
    height: Pixels = 720
    scale: Annotated[float, Meta(gt=0, le=4)] = 1.0


class Clip(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the document, in CSS pixels."""

    x: Annotated[float, Meta(ge=0)]
    y: Annotated[float, Meta(ge=0)]
    width: Annotated[float, Meta(gt=0, le=16384)]
    height: Annotated[float, Meta(gt=0, le=16384)]
    scale: Annotated[float, Meta(gt=0, le=4)] = 1.0


class Cookie(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cookie; without url and domain it belongs to the page's URL. expires: seconds since 1970."""

    name: str
    value: str
    url: str | None = None
    domain: str | None = None
    path: str | None = None
    secure: bool | None = None
    http_only: bool | None = None
    same_site: Literal["Strict", "Lax", "None"] | None = None
    expires: float | None = None


class Render(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the requests: the fields that all of them have.

    url: the page to load. html: a document to show; with url, it is shown as if it had come from there, and relative
    URLs in it are resolved against that. timeout: seconds, from the request to the response. headers: sent with each
    request of the page, to any server.
    """

    url: Annotated[str, Meta(min_length=1)] | None = None
    html: str | None = None
    wait_until: WaitUntil = "load"
    timeout: Positive | None = None
    viewport: Viewport = Viewport()
    headers: dict[Name, Value] = {}
    cookies: list[Cookie] = []
    user_agent: Value | None = None

    def __post_init__(self) -> None:
        if self.url is None and self.html is None:
            raise ValueError("url or html is required")
        if self.url is None and any(each.url is None and each.domain is None for each in self.cookies):
            raise ValueError("a cookie needs a url or a domain if there is no url to render")
        for name, value in self.headers.items():
            if is_of_the_browser(name, value):
                raise ValueError(f"only the browser sets {name}, and sends no request that sets it otherwise")


class Screenshot(Render, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A screenshot. quality: for jpeg and webp. full_page: the whole document instead of only the window."""

    format: Literal["png", "jpeg", "webp"] = "png"
    quality: Annotated[int, Meta(ge=0, le=100)] | None = None
    full_page: bool = False
    clip: Clip | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.full_page and self.clip is not None:
            raise ValueError("full_page or clip, not both")
        if self.quality is not None and self.format == "png":
            raise ValueError("a png has no quality; use jpeg or webp")


class Pdf(Render, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document to print, with the options of the protocol's ``Page.printToPDF``; lengths in inches.

    paper: instead of paper_width and paper_height. page_ranges: such as ``1-5, 8``.
    """

    landscape: bool | None = None
    paper: Literal["a3", "a4", "a5", "letter", "legal", "tabloid"] | None = None
    paper_width: Inches | None = None
    paper_height: Inches | None = None
    margin_top: Margin | None = None
    margin_bottom: Margin | None = None
    margin_left: Margin | None = None
    margin_right: Margin | None = None
    print_background: bool | None = None
    scale: Annotated[float, Meta(ge=0.1, le=2)] | None = None
    page_ranges: str | None = None
    display_header_footer: bool | None = None
    header_template: str | None = None
    footer_template: str | None = None
    prefer_css_page_size: bool | None = None
    generate_tagged_pdf: bool | None = None
    generate_document_outline: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.paper is not None and not self.paper_width is self.paper_height is None:
            raise ValueError("paper or paper_width and paper_height, not both")


class Content(Render, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document as HTML, including what scripts have changed."""


class Evaluate(Render, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value in the page: of an expression, or of a function that is called with arguments. Promises are awaited."""

    expression: str | None = None
    function: str | None = None
    args: list[Any] = []

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.expression is None) == (self.function is None):
            raise ValueError("either expression or function is required")
        if self.args and self.function is None:
            raise ValueError("args requires a function")


class Evaluated(Struct, frozen=True, kw_only=True):
    """The value of an expression or a function, as ``JSON.stringify`` writes it; null for undefined."""

    result: Any
