"""The page in headless Chromium: tables, rows and refusals are shown, and nobody's text becomes markup.

Usage: page.py EMULATOR_PROGRAM SCHEMAS_FOLDER CHROMIUM

Needs no Python package; CHROMIUM is Debian's chromium-headless-shell or any Chromium that knows --headless.
"""

import html.parser
import subprocess
import sys
import tempfile
import urllib.error

from emulator import insert, running, token

TABLE = "main.sales.orders"
HOSTILE = "<img src=x onerror=document.title='owned'>"


class Page(html.parser.HTMLParser):
    """The text of the page, and the tags in it."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.script = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, _):
        self.tags.append(tag)
        self.script = tag in ("script", "style")

    def handle_endtag(self, _):
        self.script = False

    def handle_data(self, data):
        if not self.script:
            self.words.append(data)


def main():
    program, schemas, chromium = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as data, running(program, schemas, data) as env:
        bearer = token(env, TABLE)
        order = {"order_id": 4711, "placed_at": 1, "lines": [], "currency": "EUR", "note": HOSTILE}
        insert(env, bearer, TABLE, [order] * 3)
        try:
            insert(env, bearer, TABLE, [{HOSTILE: 1}])
            raise SystemExit("a row with an unknown field was taken")
        except urllib.error.HTTPError as refused:
            assert refused.code == 400
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--dump-dom"]
        dumped = subprocess.run([*command, env["DATABRICKS_HOST"] + "/"], capture_output=True, text=True, timeout=120)
        assert dumped.returncode == 0, dumped.stderr
        page = Page(dumped.stdout)
        text = " ".join(page.words)
        for wanted in (TABLE, "4711", "sales/orders", "Error Code: 4044", "is of type VIEW"):
            assert wanted in text, f"`{wanted}` is not on the page: {text}"
        assert HOSTILE in text and "img" not in page.tags, "a row's text has become markup"
        assert "owned" not in "".join(page.words[:10]), "a row's text has run as a script"
    print("the page shows tables, rows and refusals; strangers' text stays text")


main()
