import json
import threading
import unittest
from urllib.request import Request, urlopen

from server import make_server


class ServerTest(unittest.TestCase):
    def setUp(self):
        self.server = make_server(0)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def post(self, text):
        body = json.dumps({"text": text}).encode()
        with urlopen(Request(f"{self.url}/notes", data=body)) as answer:
            return answer.status, json.load(answer)

    def test_a_note_is_kept(self):
        self.assertEqual(self.post("tea"), (201, {"number": 1}))
        with urlopen(f"{self.url}/notes") as answer:
            self.assertEqual(json.load(answer), {"notes": ["tea"]})


if __name__ == "__main__":
    unittest.main()
