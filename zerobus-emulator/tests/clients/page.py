"""The page in headless Chromium: tables, rows and refusals are shown, and nobody's text becomes markup.

Usage: page.py EMULATOR_PROGRAM SCHEMAS_FOLDER CHROMIUM

Needs no Python package; CHROMIUM is Debian's chromium-headless-shell or any Chromium that knows --headless.
"""

import html.parser
import json
import pathlib
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


def dump(chromium, url, width=1400):
    """The page as it is after some seconds of its own time."""
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom"]
    dumped = subprocess.run([*command, f"--window-size={width},900", url], capture_output=True, text=True, timeout=120)
    assert dumped.returncode == 0, dumped.stderr
    return Page(dumped.stdout)


def rows_and_refusals(program, schemas, chromium):
    with tempfile.TemporaryDirectory() as data, running(program, schemas, data) as env:
        bearer = token(env, TABLE)
        order = {"order_id": 4711, "placed_at": 1, "lines": [], "currency": "EUR", "note": HOSTILE}
        insert(env, bearer, TABLE, [order] * 3)
        try:
            insert(env, bearer, TABLE, [{HOSTILE: 1}])
            raise SystemExit("a row with an unknown field was taken")
        except urllib.error.HTTPError as refused:
            assert refused.code == 400
        for width in (360, 1400):
            page = dump(chromium, env["DATABRICKS_HOST"] + "/", width)
            text = " ".join(page.words)
            # A time as a time, the folder, the reason of a refusal, and the reason of a table that takes no rows.
            for wanted in (TABLE, "4711", "1970-01-01 00:00:00.000001Z", "sales/orders", "Error Code: 4044", "is of type VIEW"):
                assert wanted in text, f"`{wanted}` is not on the page: {text}"
            assert HOSTILE in text and "img" not in page.tags, "a row's text has become markup"
            assert "owned" not in "".join(page.words[:10]), "a row's text has run as a script"


def many_tables(program, schemas, chromium):
    one = json.loads(pathlib.Path(schemas, f"{TABLE}.json").read_text())
    tables = [{**one, "name": f"t{number}", "full_name": f"main.sales.t{number}"} for number in range(2_000)]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "tables.json")
        file.write_text(json.dumps(tables))
        with running(program, str(file), f"{folder}/data") as env:
            page = dump(chromium, env["DATABRICKS_HOST"] + "/")
    text = " ".join(page.words)
    assert "2,000 tables" in text and "and 1,800 more" in text, text


def token_of_the_page(program, schemas, chromium):
    with tempfile.TemporaryDirectory() as data, running(program, schemas, data, "--token", "secret") as env:
        without = " ".join(dump(chromium, env["DATABRICKS_HOST"] + "/").words)
        assert TABLE not in without and "asks for its token" in without, without
        assert TABLE in " ".join(dump(chromium, env["DATABRICKS_HOST"] + "/#token=secret").words)


def main():
    program, schemas, chromium = sys.argv[1:4]
    rows_and_refusals(program, schemas, chromium)
    many_tables(program, schemas, chromium)
    token_of_the_page(program, schemas, chromium)
    print("the page shows tables, rows and refusals, in narrow and wide windows; hostile text stays text")


main()
