"""The Python of docs/clients.md, run as its readers run it.

Usage: snippet.py EMULATOR_PROGRAM DOCS_PAGE

Needs the package databricks-zerobus-ingest-sdk.
"""

import pathlib
import subprocess
import sys
import tempfile

TABLES = "CREATE TABLE main.geo.quakes (id STRING NOT NULL, mag DOUBLE);"
CHECK = 'curl -sf "$DATABRICKS_HOST/emulator/tables/$ZEROBUS_TABLE_NAME/rows"'


def block(page, language):
    """The first block of a language."""
    _, rest = page.split(f"```{language}\n", 1)
    return rest.split("```\n", 1)[0]


def main():
    program, page = sys.argv[1], pathlib.Path(sys.argv[2]).read_text()
    assert TABLES in page, "the page tells of other tables"
    with tempfile.TemporaryDirectory() as folder:
        ddl, script, curl = (pathlib.Path(folder, name) for name in ("tables.sql", "send.py", "store.sh"))
        ddl.write_text(TABLES)
        script.write_text(block(page, "python"))
        curl.write_text("set -e\n" + block(page, "sh"))
        command = f'"{sys.executable}" "{script}" && {CHECK} && sh "{curl}" && {CHECK}'
        run = subprocess.run([program, "exec", "--ddl", ddl, "--", "sh", "-c", command], stdout=subprocess.PIPE, text=True)
    assert run.returncode == 0, f"the snippets ended with {run.returncode}"
    row = '{"id":"us7000n0bq","mag":4.2}'
    # Sent by Python; then both rows as curl reads them, before it empties the table.
    assert run.stdout.count(row) == 3, run.stdout
    assert '"status":"ready"' in run.stdout, run.stdout
    print("the snippets of the docs page run")


main()
