"""The options of ``twistd txcdp record``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from twisted.python import usage

from txcdp._reactor import AnyReactor
from txcdp.recording import Filter, JsonLines, MissingLibrary
from txcdp.recording._following import DOMAINS
from txcdp.recording._sinks import Sink
from txcdp.service._browser_options import BrowserOptions
from txcdp.service._ending import end_process
from txcdp.service._options import one_of, positive
from txcdp.service._recorder import RecorderService
from txcdp.service._units import names, seconds, size


def sync(text: str) -> Any:
    """Parse when to synchronise: a duration, ``always`` or ``never``."""
    return text if text in ("always", "never") else seconds(text)


class RecordOptions(BrowserOptions):
    """Options of ``twistd txcdp record``."""

    synopsis = "[options] [URL...]"
    longdesc = (
        "Record the events of a browser, of all its pages, frames and workers as they come and go, to files of JSON "
        "lines or an SQLite database. The URLs are opened in it. Read recordings with: txcdp show FILE"
    )
    optParameters = [
        ["directory", "d", ".", "The directory that the files are written to; created if it is missing."],
        ["name", "n", "recording", "The prefix of the file names."],
        ["compress", "c", "none", "The compression of the files: none, gzip or zstd."],
        ["rotate-size", None, "256M", "The size after which a new file is started; 0: no limit."],
        ["rotate-age", None, "0", "The age after which a new file is started, such as 1h or 1d; 0: no limit."],
        ["sync", None, "1s", "How often written data is synchronised to disk: a time, always, or never."],
        ["database", None, None, "The SQLite database to write to instead of files."],
        ["domains", None, ",".join(DOMAINS), "The domains that are enabled in each target."],
        [
            "events",
            "e",
            None,
            "The events that are recorded: Network,Page.frameNavigated,*Worker*; all by default.",
        ],
        ["without", None, None, "The events that are not recorded, such as Network."],
        ["targets", "t", None, "The targets that are recorded, by type or id: page,iframe; all by default."],
        ["urls", "u", None, "The URLs of the targets that are recorded: https://*.example.com/*; by default any."],
        [
            "secrets",
            None,
            "mask",
            "How cookies and authorization are recorded: mask writes ***; keep writes all.",
        ],
        [
            "overflow",
            None,
            "pause",
            "What happens if the disk is too slow: pause, drop_oldest, drop_newest or error.",
        ],
        ["buffer", None, "64M", "The maximum size of data waiting in memory to be written."],
    ]

    optFlags = [
        ["commands", None, "Also record the commands that the recorder sends, with their replies."],
        ["observe", None, "Also record web vitals, long tasks and a screencast, for reports."],
    ]
    readers: ClassVar = {
        "rotate-size": size,
        "rotate-age": seconds,
        "sync": sync,
        "domains": names,
        "events": names,
        "without": names,
        "targets": names,
        "urls": names,
        "secrets": one_of("mask", "keep"),
        "overflow": one_of("pause", "drop_oldest", "drop_newest", "error"),
        "buffer": positive(size),
    }

    def parseArgs(self, *urls: str) -> None:
        """Accept the pages to open."""
        self["pages"] = list(urls)

    def postOptions(self) -> None:
        """Refuse invalid options, before anything is started."""
        super().postOptions()
        try:
            self.make_sink()
        except (ValueError, MissingLibrary) as error:
            raise usage.UsageError(str(error)) from error

    def make_sink(self) -> Sink:
        """Return the sink to record to."""
        if self["database"] is not None:
            from txcdp.recording import SQLite

            return SQLite(Path(self["database"]).absolute(), durable=self["sync"] != "never")
        return JsonLines(
            Path(self["directory"]).absolute(),  # twistd goes elsewhere
            self["name"],
            compression=self["compress"],
            rotate_size=self["rotate-size"] or None,
            rotate_age=self["rotate-age"] or None,
            sync=self["sync"],
        )

    def make_service(self, reactor: AnyReactor) -> RecorderService:
        """Return the service that these options describe."""
        return RecorderService(
            self.make_browsers(reactor),
            self.make_sink,
            urls=self["pages"],
            observe=bool(self["observe"]),
            given_up=lambda: end_process(reactor),
            domains=self["domains"],
            filter=Filter(**{part: self[part] or () for part in ("events", "without", "targets", "urls")}),
            secrets=self["secrets"],
            commands=bool(self["commands"]),
            overflow=self["overflow"],
            buffer=self["buffer"],
        )
