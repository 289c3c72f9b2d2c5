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
