"""The app as a browser sees it: over HTTP, with a database of its own."""

import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

import uvicorn

from app.main import make_app


class TestApp(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.start()

    def start(self) -> None:
        config = uvicorn.Config(make_app(Path(self.folder.name)), host="127.0.0.1", port=0, log_level="warning")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        self.addCleanup(self.stop)
        deadline = time.monotonic() + 10
        while not self.server.started:
            self.assertLess(time.monotonic(), deadline, "the app does not start")
            time.sleep(0.01)
        self.url = "http://127.0.0.1:{}".format(self.server.servers[0].sockets[0].getsockname()[1])

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join()

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def add(self, text: str) -> str:
        body = urllib.parse.urlencode({"text": text}).encode()
        with urllib.request.urlopen(self.url + "/notes", body, timeout=10) as answer:
            return answer.read().decode()

    def test_it_says_that_it_is_well(self) -> None:
        self.assertEqual(self.get("/health"), "ok\n")

    def test_a_note_is_kept_and_shown(self) -> None:
        self.assertIn("no notes yet", self.get("/"))
        self.assertIn("buy milk", self.add("buy milk"))
        self.stop()
        self.start()
        self.assertIn("buy milk", self.get("/"))

    def test_the_newest_note_stands_first(self) -> None:
        self.add("first")
        page = self.add("second")
        self.assertLess(page.index("second"), page.index("first"))

    def test_what_people_write_is_shown_and_not_run(self) -> None:
        self.assertIn("&lt;script&gt;", self.add("<script>alert(1)</script>"))

    def test_an_empty_note_is_not_kept(self) -> None:
        self.assertIn("no notes yet", self.add("   "))


if __name__ == "__main__":
    unittest.main()
