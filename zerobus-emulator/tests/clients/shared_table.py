"""A table that the emulator and other programs write to: its rows as they should be, and everyone who reads it."""

import json
import pathlib
import urllib.error
import urllib.request

import duckdb
import duckdb_extension_delta
from deltalake import DeltaTable

from emulator import insert, running, token

TABLE = "main.other.rows"
# Features for which deltalake refuses to read a table, so that DuckDB alone decides.
NOT_READ = {"columnMapping", "deletionVectors", "v2Checkpoint"}


class Table:
    """The table, its rows as they should be, and everyone who reads it."""

    def __init__(self, program, folder):
        self.program = program
        self.data = pathlib.Path(folder, "data")
        self.path = str(pathlib.Path(self.data, *TABLE.split(".")))
        self.schemas = pathlib.Path(folder, "schemas")
        self.schemas.mkdir()
        columns = [("id", "bigint", False), ("name", "string", True)]
        info = {
            "name": "rows", "catalog_name": "main", "schema_name": "other",
            "columns": [
                {"name": name, "type_text": kind, "nullable": nullable, "position": position}
                for position, (name, kind, nullable) in enumerate(columns)
            ],
        }
        (self.schemas / "rows.json").write_text(json.dumps(info))
        self.rows = {}
        self.next = 0

    def emulator(self):
        return running(self.program, str(self.schemas), str(self.data), "--history", "0")

    def insert(self, env, commits, rows=3):
        """That many commits through the emulator."""
        bearer = token(env, TABLE)
        for _ in range(commits):
            new = [{"id": number, "name": f"n{number}"} for number in range(self.next, self.next + rows)]
            insert(env, bearer, TABLE, new)
            self.rows.update((row["id"], row["name"]) for row in new)
            self.next += rows

    def refused(self, env, *words):
        """The emulator refuses a row in a sentence that has these words."""
        try:
            insert(env, token(env, TABLE), TABLE, [{"id": -1, "name": "refused"}])
        except urllib.error.HTTPError as error:
            text = json.load(error)["message"]
            assert all(word in text for word in words), text
            print(f"  refused: {text}")
            return
        raise AssertionError("the row was not refused")

    def delta(self):
        return DeltaTable(self.path)

    def check(self, env, step):
        """All readers have the rows."""
        expected = sorted(self.rows.items())
        with urllib.request.urlopen(f"{env['DATABRICKS_HOST']}/emulator/tables/{TABLE}") as answer:
            count = json.load(answer)["rows"]
        assert count == len(expected), f"{step}: the emulator counts {count} rows of {len(expected)}"
        found = []
        while page := self.page(env, len(found)):
            found += page
        assert sorted(found) == expected, f"{step}: the emulator reads {len(found)} rows, {set(found) ^ set(expected)} are not the same"
        for name, read in {"deltalake": read_deltalake, "duckdb": read_duckdb}.items():
            found = sorted(read(self.path))
            assert found == expected, f"{step}: {name} has {len(found)} rows of {len(expected)}"
        print(f"{step}: {count} rows")

    def page(self, env, offset):
        """A page of an odd size, so that pages end inside of files."""
        url = f"{env['DATABRICKS_HOST']}/emulator/tables/{TABLE}/rows?offset={offset}&limit=37"
        with urllib.request.urlopen(url) as answer:
            rows = [json.loads(line) for line in answer.read().decode().splitlines()]
        return [(row["id"], row["name"]) for row in rows]

    def commit(self, *actions):
        """A version that no program at hand writes."""
        version = self.log_version() + 1
        # As a whole, as writers do: the emulator may look for a new version at any moment.
        aside = self.log() / ".aside"
        aside.write_text("\n".join(json.dumps(action) for action in actions))
        aside.rename(self.log() / f"{version:020}.json")

    def log(self):
        return pathlib.Path(self.path, "_delta_log")

    def log_version(self):
        """The last version, by the names in the log."""
        return max(int(log.stem) for log in self.log().glob("[0-9]*.json") if len(log.stem) == 20)

    def actions(self):
        """The actions of every version that the log still has as a commit."""
        for log in sorted(self.log().glob("[0-9]*.json")):
            if len(log.stem) == 20:
                yield from map(json.loads, log.read_text().splitlines())

    def files(self):
        """The `add` actions of the files that the table is made of, while the log has all commits."""
        live = {}
        for action in self.actions():
            if add := action.get("add"):
                live[add["path"]] = add
            if remove := action.get("remove"):
                live.pop(remove["path"], None)
        return list(live.values())

    def last(self, action):
        """The last action of this kind in the log."""
        found = None
        for other in self.actions():
            found = other.get(action, found)
        return found


def read_deltalake(path):
    if NOT_READ & set(DeltaTable(path).protocol().reader_features or []):
        return read_duckdb(path)
    rows = DeltaTable(path).to_pyarrow_table().to_pylist()
    return [(row["id"], row["name"]) for row in rows]


def read_duckdb(path):
    extension = next(pathlib.Path(duckdb_extension_delta.__file__).parent.rglob("*.duckdb_extension"))
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension}'")
    return connection.execute(f"SELECT id, name FROM delta_scan('{path}')").fetchall()
