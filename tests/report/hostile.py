"""What a page, or a file, may have in the place of any text, to have it run, forge or hide something."""

from __future__ import annotations

from typing import Final

from txcdp.report import (
    LongTask,
    Run,
    RunBody,
    RunDocument,
    RunExchange,
    RunFrame,
    RunMessage,
    RunPicture,
    Vitals,
)

#: Each sets ``window.ran``, or tries to, where it is taken for markup, a URL or a script.
HOSTILE_TEXTS: Final = (
    "<script>window.ran = 1</script>",
    "</script><script>window.ran = 2</script>",
    "<!--<script>window.ran = 3</script>-->",
    "<img src=x onerror='window.ran = 4'>",
    '"><svg onload="window.ran = 5">',
    "<object data='data:text/html,<script>parent.ran = 6</script>'></object>",
    "<embed src='javascript:window.ran = 7'>",
    "<meta http-equiv=refresh content='0;url=javascript:window.ran = 8'>",
    "<iframe srcdoc='<script>parent.ran = 9</script>'></iframe>",
    "<base href='https://evil.example/'>",
    "<style>* { display: none }</style>",
    "</title></style></textarea></noscript><script>window.ran = 10</script>",
    "javascript:window.ran = 11",
    "data:text/html,<script>window.ran = 12</script>",
    "@@script@@ @@data@@ \\u003c/script> \u2028 \u2029",
    "__proto__",
    "constructor",
    "\x1b]0;owned\x07\x1b[31mred\x1b[0m \u202e txt \r\n forged line",
    "{{constructor.constructor('window.ran = 13')()}} ${window.ran = 14}",
)

#: What a terminal obeys or hides, a spreadsheet runs, or a writer of JSON or CSV may stumble over.
HOSTILE_CONTROLS: Final = (
    "\x1b[2J\x1b[H\x1bP+q\x1b\\\x1b^x\x1b\\ \x1b]8;;https://evil.example/\x07link\x1b]52;c;ZXZpbA==\x07",
    "C1: \x84\x85\x90\x9b31m\x9d0;owned\x9c \x7f\x08\x08",
    "bidi: \u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c \ufeff\u00ad\U000e0041\u2060",
    "NUL \0 and \x01",
    "line\none\r\ntwo\rthree\u2028four\u2029five\x0bsix\x0cseven\x1ceight",
    "lone \ud800 surrogates \udfff",
    "=cmd|'/c calc'!A1",
    "+cmd|'/c calc'!A1",
    "-2+3+cmd|'/c calc'!A1",
    "@SUM(1+1)*cmd|'/c calc'!A1",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\uff1d1+1",
    'a";=1+1;"b',
    "a;=1+1",
    "a\t=1+1|=1+1",
    "",
    "long " + "\x1b[31m\u202e=" * 300,
)


def hostile_run(texts: tuple[str, ...] = HOSTILE_TEXTS) -> Run:
    """Return a run that has them in every text that there is."""
    run = Run(name=texts[0], source=texts[1], browser=texts[2], started=1_700_000_000.0, ended=1_700_000_010.0)
    for number, text in enumerate(texts):
        at = run.started + number / 10
        run.documents.append(
            RunDocument(
                id=text, frame_id=text, url=text, title=text, started=at, content_loaded=at + 0.1, loaded=at + 0.2,
                error=text if number else "",
                vitals=Vitals(lcp=0.3, lcp_element=text, lcp_url=text, inp=0.05, inp_event=text, cls=0.0),
            )
        )  # fmt: skip
        run.frames.append(RunFrame(id=text, kind=text, parent_id=text, url=text, name=text, started=at))
        body = RunBody(mime_type=text, text=text, size=len(text))
        headers = [(text, text), ("content-type", text)]
        run.exchanges.append(
            RunExchange(
                id=text, url=text, method=text, type=text, status=200, status_text=text, protocol=text, outcome=text,
                failure=text, frame_id=text, document_id=text, initiator=text, initiator_url=text, priority=text,
                cached=text, remote=text, mime_type=text, started=at, responded=at + 0.1, ended=at + 0.2,
                request_headers=headers, response_headers=headers, request_body=body, body=body, transferred=10,
            )
        )  # fmt: skip
        run.messages.append(RunMessage(time=at, level=text, source=text, text=text, url=text, frame_id=text))
        run.long_tasks.append(LongTask(frame_id=text, started=at, duration=0.06, where=text))
        run.missing.append(text)
        run.pictures.append(RunPicture(time=at, data=text.encode("utf-8", "surrogatepass"), frame_id=text))
    return run
