"""A table of many small commits, merged, checkpointed and cleaned up: deltalake and DuckDB read every cell as it was sent.

Usage: merged.py EMULATOR_PROGRAM SCHEMAS_FOLDER

Needs the packages that every_type.py needs.
"""

import json
import pathlib
import sys
import tempfile
import time

from emulator import insert, running, token
from every_type import FULL, SPARSE, TABLE, compare, expected, read_deltalake, read_duckdb

QUAKES = "main.geo.earthquakes"
COMMITS = 260


def quake(number):
    return {
        "id": f"q{number}", "time": 1_700_000_000_000_000 + number, "event_date": 19_675 + number % 3, "mag": 4.25,
        "type": "earthquake", "status": "reviewed", "tsunami": False, "sig": number, "ids": ["a", "b"],
        "location": {"longitude": 1.5, "latitude": -2.5, "depth_km": 10.0}, "properties": json.dumps({"n": number}),
    }


def numbered(number):
    """A row with values in every column, or in the NOT NULL ones alone; its number tells which."""
    return {**(FULL if number % 2 else SPARSE), "c_long": number}


def sizes(path):
    files = [file for file in pathlib.Path(path).rglob("*") if file.is_file()]
    return len(files), sum(file.stat().st_size for file in files)


def check(reader, read, path, types, rows, key):
    begin = time.monotonic()
    found = sorted(read(path, types), key=lambda row: row[key])
    seconds = time.monotonic() - begin
    compare(reader, found, [expected(row, types) for row in rows])
    print(f"  read in {seconds:.2f} s")


def main():
    program, schemas = sys.argv[1:3]
    tables = {TABLE: (numbered, "c_long"), QUAKES: (quake, "sig")}
    with tempfile.TemporaryDirectory() as data:
        with running(program, schemas, data, "--history", "0") as env:
            for table, (row, _) in tables.items():
                bearer = token(env, table)
                for number in range(COMMITS):
                    insert(env, bearer, table, [row(number)])
        for table, (row, key) in tables.items():
            info = json.loads(pathlib.Path(schemas, f"{table}.json").read_text())
            types = {column["name"]: column["type_text"] for column in info["columns"]}
            path = str(pathlib.Path(data, *table.split(".")))
            rows = [row(number) for number in range(COMMITS)]
            files, size = sizes(path)
            log = sorted(file.name for file in pathlib.Path(path, "_delta_log").glob("*.json"))
            assert files < COMMITS, f"{table}: {files} files of {COMMITS} commits"
            assert log[0] > "0" * 20, f"{table}: the log begins at {log[0]}"
            print(f"{table}: {COMMITS} commits of one row, {files} files, {size} bytes")
            check("deltalake", read_deltalake, path, types, rows, key)
            check("duckdb", read_duckdb, path, types, rows, key)


main()
