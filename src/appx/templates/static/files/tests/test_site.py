"""The pages of the site are whole, and their links lead somewhere."""

import unittest
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).resolve().parent.parent / "site"


class Page(HTMLParser):
    """What a page says about itself, and where it leads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.language = ""
        self.title = ""
        self._in_title = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [found[name] or "" for name in ("href", "src") if name in found]
        self._in_title = tag == "title"
        if tag == "html":
            self.language = found.get("lang") or ""

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data.strip()

    def handle_endtag(self, tag: str) -> None:
        self._in_title = self._in_title and tag != "title"


class TestSite(unittest.TestCase):
    def setUp(self) -> None:
        self.pages = sorted(SITE.rglob("*.html"))

    def test_there_is_a_first_page(self) -> None:
        self.assertIn(SITE / "index.html", self.pages)

    def test_each_page_has_a_title_and_a_language(self) -> None:
        for path in self.pages:
            with self.subTest(page=path.name):
                page = Page(path)
                self.assertTrue(page.title)
                self.assertTrue(page.language)

    def test_links_lead_to_files_of_the_site(self) -> None:
        for path in self.pages:
            for link in Page(path).links:
                parts = urlsplit(link)
                if parts.scheme or parts.netloc or not parts.path:
                    continue
                with self.subTest(page=path.name, link=link):
                    start = SITE if parts.path.startswith("/") else path.parent
                    target = start / unquote(parts.path).lstrip("/")
                    self.assertTrue((target / "index.html" if target.is_dir() else target).is_file())

    def test_the_health_check_has_its_file(self) -> None:
        self.assertEqual((SITE / "health.txt").read_text(encoding="utf-8"), "ok\n")


if __name__ == "__main__":
    unittest.main()
