"""What requests and settings may say, and the sentence about each thing that they may not; fingerprints."""

from __future__ import annotations

import pickle
from typing import Any

from scrapy import Request
from scrapy.settings import Settings
from scrapy.utils.request import RequestFingerprinter as ScrapyFingerprinter
from twisted.trial.unittest import SynchronousTestCase

from txcdp.page._action_lists import _OF_ELEMENTS, _OF_PAGES, action
from txcdp.scrapy import Addon, DownloadHandler, RequestFingerprinter
from txcdp.scrapy._options import RenderOptions, options_of
from txcdp.scrapy._settings import DEFAULTS, settings_of

PLAIN = RenderOptions()


def said(given: Any) -> RenderOptions:
    return options_of(given, PLAIN)


class OptionTests(SynchronousTestCase):
    def test_true_is_what_the_settings_say(self):
        defaults = RenderOptions(wait_until="commit", context={"locale": "de-DE"}, block=("://ads.",))
        self.assertIs(options_of(True, defaults), defaults)
        self.assertEqual(options_of({}, defaults), defaults)
        more = options_of({"block": [".png", "://ads."], "context": {"locale": "fr-FR", "offline": True}}, defaults)
        self.assertEqual(more.wait_until, "commit")
        self.assertEqual(more.block, ("://ads.", ".png"))
        self.assertEqual(more.context, {"locale": "fr-FR", "offline": True})

    def test_all_that_there_is(self):
        found = said(
            {
                "actions": [["click", "#more"], {"action": "wait_for_timeout", "seconds": 0.5}],
                "extract": {"title": "h1", "links": ["a@href"]},
                "screenshot": {"full_page": True},
                "har": {"bodies": "embed"},
                "include_page": True,
                "wait_until": "networkidle",
            }
        )
        self.assertEqual([each.name for each in found.actions], ["click", "wait_for_timeout"])
        self.assertTrue(found.include_page and found.needs_document)
        self.assertEqual((found.screenshot, found.har), ({"full_page": True}, {"bodies": "embed"}))
        self.assertFalse(said({"screenshot": False, "har": False}).needs_document)
        self.assertEqual(said({"screenshot": True}).screenshot, {})

    def test_each_mistake_has_its_sentence(self):
        for given, kind, words in (
            (1, TypeError, 'meta["txcdp"] must be True or a dict'),
            ({"wait_untli": "load"}, ValueError, "did you mean 'wait_until'?"),
            ({"wait_until": "idle"}, ValueError, "'domcontentloaded'"),
            ({"actions": "click"}, TypeError, "a list of actions"),
            ({"extract": ["h1"]}, TypeError, "a dict with names"),
            ({"extract": {"a": ["b", "c"]}}, TypeError, "a list must contain exactly one selector"),
            ({"screenshot": {"fullpage": True}}, ValueError, "did you mean 'full_page'?"),
            ({"screenshot": {"path": "/tmp/x.png"}}, ValueError, "unknown option 'path'"),
            ({"har": {"bodies": "attach"}}, ValueError, "'embed' or 'omit'"),
            ({"include_page": "yes"}, TypeError, "True or False"),
            ({"block": "*.png"}, TypeError, "a list of texts"),
            ({"context": {"locales": "de"}}, TypeError, "locale"),
            ({"context": {"proxy": {"server": "x"}}}, ValueError, 'write meta["proxy"]'),
            ({"context": {"viewport": 3}}, TypeError, "viewport"),
        ):
            error = self.assertRaises(kind, said, given)
            self.assertIn(words, str(error), given)
            self.assertIn("txcdp", str(error))

    def test_what_is_not_set_is_as_if_it_were_not_there(self):
        self.assertEqual(said(dict.fromkeys(("actions", "extract", "screenshot", "har", "block"))), PLAIN)


class ActionTests(SynchronousTestCase):
    def test_there_is_a_method_for_each(self):
        for name, values in (*_OF_ELEMENTS.items(), *_OF_PAGES.items()):
            selector = ["#x"] if name in _OF_ELEMENTS else []
            said = tuple(1.5 if each == "seconds" else each for each in values)
            made = action([name, *selector, *said], "it")
            self.assertEqual((made.name, made.values), (name, said))

    def test_a_list_and_a_dict_say_the_same(self):
        listed = action(["fill", "#q", "words", {"timeout": 5}], "it")
        self.assertEqual(listed, action({"action": "fill", "selector": "#q", "value": "words", "timeout": 5}, "it"))
        self.assertEqual((listed.selector, listed.values, listed.options), ("#q", ("words",), {"timeout": 5}))

    def test_each_mistake_has_its_sentence(self):
        for given, words in (
            ("click", "must be a list"),
            ([], "is empty"),
            (["clik", "#x"], "did you mean 'click'?"),
            (["click"], "must be ['click', selector]"),
            (["fill", "#x"], "must be ['fill', selector, value]"),
            (["click", 3], "needs a selector"),
            (["click", "a", {"timeout": "3"}], "a number of seconds"),
            (["wait_for_timeout", "5"], "a number of seconds"),
            (["click", "#x", {"tmeout": 3}], "did you mean 'timeout'?"),
            ({"selector": "#x"}, 'has no "action"'),
            ({"action": "fill", "selector": "#x"}, "needs value"),
            ({"action": "close"}, "unknown action 'close'"),
        ):
            error = self.assertRaises((TypeError, ValueError), action, given, "it")
            self.assertIn(words, str(error), given)


class SettingTests(SynchronousTestCase):
    def test_what_they_are_when_nothing_is_set(self):
        found = settings_of(Settings())
        self.assertEqual((found.browsers, found.contexts, found.pages, found.endpoint), (1, 8, 16, None))
        self.assertEqual(found.defaults.wait_until, "load")
        self.assertEqual(found.defaults.context, {"ignore_https_errors": True, "service_workers": "block"})
        strict = settings_of(Settings({"DOWNLOAD_VERIFY_CERTIFICATES": True}))
        self.assertNotIn(True, strict.defaults.context.values())

    def test_a_command_line_has_texts(self):
        self.assertEqual(settings_of(Settings({"TXCDP_PAGES": "4"})).pages, 4)

    def test_each_mistake_has_its_sentence(self):
        for name, value, words in (
            ("TXCDP_PAGE", 3, "did you mean 'TXCDP_PAGES'?"),
            ("TXCDP_PAGES", 0, "at least one"),
            ("TXCDP_CONTEXTS", "many", "must be a whole number"),
            ("TXCDP_CONTEXTS", 2.5, "must be a whole number"),
            ("TXCDP_PAGES", True, "must be a whole number"),
            ("TXCDP_PAGES", "-1", "at least one"),
            ("TXCDP_LAUNCH", {"executable_path": "x"}, "did you mean 'executable'?"),
            ("TXCDP_RESTART", {"max_delay": "3"}, "max_delay must be a number"),
            ("TXCDP_BROWSERS", None, ""),
            ("TXCDP_ENDPOINT", 9222, "must be a URL"),
            ("TXCDP_LAUNCH", {"headles": True}, "unknown"),
            ("TXCDP_LAUNCH", {"restart": None}, "unknown option 'restart'"),
            ("TXCDP_RESTART", {"initial": 1}, "did you mean 'initial_delay'?"),
            ("TXCDP_RESTART", {"factor": 0}, "TXCDP_RESTART: "),
            ("TXCDP_BLOCK", "*.png", "a list of texts"),
            ("TXCDP_CONTEXT", {"storage": 1}, "TXCDP_CONTEXT: "),
            ("TXCDP_WAIT_UNTIL", "idle", "TXCDP_WAIT_UNTIL must be"),
            ("TXCDP_BROWSER_HEADERS", "User-Agent", "a list of texts"),
            ("TXCDP_FALLBACK_HANDLERS", "x", "a dict with names"),
            ("TXCDP_LAUNCH", "{'headless': 0}", "must be JSON"),
        ):
            if value is None:
                settings_of(Settings({name: value}))
                continue
            error = self.assertRaises((TypeError, ValueError), settings_of, Settings({name: value}))
            self.assertIn(words, str(error), name)
            self.assertIn(name, str(error))

    def test_as_a_command_line_has_them(self):
        given = {"TXCDP_PAGES": "4", "TXCDP_LAUNCH": '{"headless": false}', "TXCDP_BLOCK": '[".woff2"]'}
        found = settings_of(Settings(given))
        self.assertEqual((found.pages, found.options, found.defaults.block), (4, {"headless": False}, (".woff2",)))

    def test_every_setting_is_described(self):
        from tests.project.test_docs import ROOT

        text = (ROOT / "docs" / "howto" / "scrapy.rst").read_text(encoding="utf-8")
        self.assertEqual([name for name in DEFAULTS if f"``{name}``" not in text], [])


class AddonTests(SynchronousTestCase):
    def test_it_sets_all_there_is_to_set(self):
        settings = Settings()
        Addon().update_settings(settings)
        handlers = settings.getdict("DOWNLOAD_HANDLERS")
        self.assertEqual(handlers, {"http": DownloadHandler, "https": DownloadHandler})
        self.assertEqual(settings["REQUEST_FINGERPRINTER_CLASS"], "txcdp.scrapy.RequestFingerprinter")
        self.assertEqual(list(settings.getdict("SPIDER_MIDDLEWARES").values()), [1000])

    def test_a_wrong_setting_ends_it_before_the_crawl(self):
        error = self.assertRaises(ValueError, Addon().update_settings, Settings({"TXCDP_PAGE": 3}))
        self.assertIn("did you mean 'TXCDP_PAGES'?", str(error))

    def test_what_the_project_has_set_takes_the_rest(self):
        mine = {"https": "mine.Handler", "ftp": "mine.Ftp"}
        settings = Settings({"DOWNLOAD_HANDLERS": mine, "REQUEST_FINGERPRINTER_CLASS": "mine.Fingerprinter"})
        Addon().update_settings(settings)
        self.assertEqual(settings.getdict("DOWNLOAD_HANDLERS")["ftp"], "mine.Ftp")
        self.assertEqual(settings.getdict("TXCDP_FALLBACK_HANDLERS"), {"https": "mine.Handler"})
        self.assertEqual(settings["REQUEST_FINGERPRINTER_CLASS"], "mine.Fingerprinter")


def request(url: str = "https://a.example/?b=1&a=2", txcdp: Any = True, **more: Any) -> Request:
    return Request(url, meta={} if txcdp is None else {"txcdp": txcdp}, **more)


class FingerprintTests(SynchronousTestCase):
    """Trap: options live in ``meta``, so that different renders are merged, or equal ones parted."""

    def setUp(self) -> None:
        self.of = RequestFingerprinter().fingerprint

    def test_scrapys_own_are_what_they_were(self):
        self.assertEqual(self.of(request(txcdp=None)), ScrapyFingerprinter().fingerprint(request(txcdp=None)))
        self.assertEqual(self.of(request(txcdp=False)), self.of(request(txcdp=None)))

    def test_equal_ones(self):
        shape = {"b": "b", "a": "a"}
        for one, other in (
            (request(), request("https://a.example/?a=2&b=1")),
            (request(txcdp={}), request(txcdp=True)),
            (request(txcdp={"extract": shape}), request(txcdp={"extract": dict(reversed(shape.items()))})),
            (request(txcdp={"include_page": True}), request(txcdp=True)),
            (request(txcdp={"actions": [("click", "a")]}), request(txcdp={"actions": [["click", "a"]]})),
        ):
            self.assertEqual(self.of(one), self.of(other), (one.meta, other.meta))

    def test_different_ones(self):
        made = [
            request(txcdp=None),
            request(),
            request("https://a.example/?b=1&a=2#/one"),
            request("https://a.example/?b=1&a=2#/two"),
            request(method="POST"),
            request(method="POST", body=b"x"),
            request(txcdp={"wait_until": "commit"}),
            request(txcdp={"actions": [["click", "a"]]}),
            request(txcdp={"actions": [["click", "b"]]}),
            request(txcdp={"context": {"locale": "de-DE"}}),
            request(txcdp={"block": ["x"]}),
            request(txcdp={"screenshot": True}),
        ]
        self.assertEqual(len({self.of(each) for each in made}), len(made))

    def test_a_request_that_was_stored_has_the_same(self):
        stored = request(txcdp={"actions": [["click", "a"]], "context": {"locale": "de-DE"}})
        again = pickle.loads(pickle.dumps(stored.to_dict()))
        self.assertEqual(self.of(Request(again["url"], meta=again["meta"])), self.of(stored))
