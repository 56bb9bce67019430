"""The API as the web server sees it: over HTTP, with a real database."""

import json
import os
import threading
import time
import unittest
import urllib.error
import urllib.request

import uvicorn

from app.main import make_app
from app.tasks import Tasks


class TestApp(unittest.TestCase):
    def setUp(self) -> None:
        self.start(os.environ["DATABASE_URL"])
        deadline = time.monotonic() + 30
        while self.ask("GET", "/health")[0] != 200:
            self.assertLess(time.monotonic(), deadline, "the database does not answer")
            time.sleep(0.2)
        for task in self.ask("GET", "/api/tasks")[1]:
            self.ask("DELETE", f"/api/tasks/{task['id']}")

    def start(self, database: str) -> None:
        config = uvicorn.Config(make_app(database), host="127.0.0.1", port=0, log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join()

        self.addCleanup(stop)
        deadline = time.monotonic() + 10
        while not server.started:
            self.assertLess(time.monotonic(), deadline, "the API does not start")
            time.sleep(0.01)
        self.url = "http://127.0.0.1:{}".format(server.servers[0].sockets[0].getsockname()[1])

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        return status, json.loads(text) if text.startswith((b"{", b"[")) else text.decode()

    def test_a_task_is_added_done_and_removed(self) -> None:
        status, made = self.ask("POST", "/api/tasks", {"text": "  Böil wäter ☕  "})
        self.assertEqual((status, made["text"], made["done"]), (201, "Böil wäter ☕", False))
        path = f"/api/tasks/{made['id']}"
        self.assertEqual(self.ask("PATCH", path, {"done": True}), (200, {**made, "done": True}))
        self.assertEqual(self.ask("GET", "/api/tasks"), (200, [{**made, "done": True}]))
        self.assertEqual(self.ask("DELETE", path)[0], 204)
        self.assertEqual(self.ask("PATCH", path, {"done": True})[0], 404)
        self.assertEqual(self.ask("GET", "/api/tasks"), (200, []))

    def test_what_is_no_task_is_refused(self) -> None:
        for body in ({}, {"text": " "}, {"text": "a\u0000"}, {"text": "x" * 501}, {"text": 1}, []):
            self.assertEqual(self.ask("POST", "/api/tasks", body)[0], 422, body)
        self.assertEqual(self.ask("PATCH", f"/api/tasks/{2**70}", {"done": True})[0], 404)

    def test_words_that_look_like_sql_are_words(self) -> None:
        text = "'); DROP TABLE tasks; --"
        self.assertEqual(self.ask("POST", "/api/tasks", {"text": text})[1]["text"], text)
        self.assertEqual(len(self.ask("GET", "/api/tasks")[1]), 1)

    def test_another_release_finds_what_there_is(self) -> None:
        made = Tasks(os.environ["DATABASE_URL"]).add("Tea")
        self.assertEqual([each.id for each in Tasks(os.environ["DATABASE_URL"]).every()], [made.id])

    def test_without_a_database_it_says_so(self) -> None:
        self.start("postgresql://app@127.0.0.1:9/app")
        self.assertEqual(self.ask("GET", "/health")[0], 503)
