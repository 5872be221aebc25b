"""A table whose log another program keeps: checkpoints in parts and by the V2 specification, timestamps in commits, and row
IDs. After each, the emulator, deltalake and DuckDB have the same rows, also behind merges and the emulator's own checkpoint.

Usage: foreign_logs.py EMULATOR_PROGRAM

Needs deltalake, pyarrow, duckdb and duckdb-extension-delta.
"""

import json
import sys
import tempfile
import time
import urllib.request
import uuid

import pyarrow
import pyarrow.parquet

from shared_table import TABLE, Table

STRINGS = pyarrow.map_(pyarrow.string(), pyarrow.string())
LIST = pyarrow.list_(pyarrow.string())
# The columns of a checkpoint, as far as these tables fill them.
COLUMNS = {
    "checkpointMetadata": pyarrow.struct({"version": pyarrow.int64(), "tags": STRINGS}.items()),
    "protocol": pyarrow.struct({
        "minReaderVersion": pyarrow.int32(), "minWriterVersion": pyarrow.int32(), "readerFeatures": LIST, "writerFeatures": LIST,
    }.items()),
    "metaData": pyarrow.struct({
        "id": pyarrow.string(), "name": pyarrow.string(), "description": pyarrow.string(),
        "format": pyarrow.struct({"provider": pyarrow.string(), "options": STRINGS}.items()),
        "schemaString": pyarrow.string(), "partitionColumns": LIST, "configuration": STRINGS, "createdTime": pyarrow.int64(),
    }.items()),
    "sidecar": pyarrow.struct({
        "path": pyarrow.string(), "sizeInBytes": pyarrow.int64(), "modificationTime": pyarrow.int64(), "tags": STRINGS,
    }.items()),
    "add": pyarrow.struct({
        "path": pyarrow.string(), "partitionValues": STRINGS, "size": pyarrow.int64(), "modificationTime": pyarrow.int64(),
        "dataChange": pyarrow.bool_(), "stats": pyarrow.string(),
    }.items()),
    "remove": pyarrow.struct({
        "path": pyarrow.string(), "deletionTimestamp": pyarrow.int64(), "dataChange": pyarrow.bool_(),
    }.items()),
}


def turn_on(table, reader, writer, properties=(), **information):
    metadata = table.last("metaData")
    metadata["configuration"] |= dict(properties)
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": reader, "writerFeatures": [*writer, *reader]}
    commit = {"operation": "SET TBLPROPERTIES", "operationParameters": {}, "timestamp": 1} | information
    table.commit({"commitInfo": commit}, {"protocol": protocol}, {"metaData": metadata})


def trim(table, version):
    """Removes the log before the version."""
    for file in table.log().iterdir():
        if file.name[:20].isdigit() and int(file.name[:20]) < version:
            file.unlink()


def in_parts(table, count):
    """A checkpoint of deltalake's, cut into parts; returns its version and its parts."""
    version = table.delta().version()
    table.delta().create_checkpoint()
    whole = table.log() / f"{version:020}.checkpoint.parquet"
    rows = pyarrow.parquet.read_table(whole)
    whole.unlink()
    size = -(-rows.num_rows // count)
    parts = [table.log() / f"{version:020}.checkpoint.{part + 1:010}.{count:010}.parquet" for part in range(count)]
    for number, part in enumerate(parts):
        pyarrow.parquet.write_table(rows.slice(number * size, size), part)
    (table.log() / "_last_checkpoint").write_text(json.dumps({"version": version, "size": rows.num_rows, "parts": count}))
    return version, parts


def arrow(actions, names):
    """Actions as rows of a checkpoint."""

    def value(field, found):
        if found is None or field == "dataChange":
            return found if found is None else False
        if isinstance(found, dict) and field in ("configuration", "options", "partitionValues", "tags"):
            return list(found.items())
        if isinstance(found, dict):
            return {name: value(name, inner) for name, inner in found.items()}
        return found

    columns = {}
    for name in names:
        kept = [field.name for field in COLUMNS[name]]
        rows = [action.get(name) and {field: value(field, action[name].get(field)) for field in kept} for action in actions]
        columns[name] = pyarrow.array(rows, COLUMNS[name])
    return pyarrow.table(columns)


def with_sidecars(table, kind):
    """A V2 checkpoint whose files are in two sidecars."""
    turn_on(table, ["v2Checkpoint"], [])
    version = table.log_version()
    files = [{"add": add} for add in table.files()]
    folder = table.log() / "_sidecars"
    folder.mkdir()
    top = [{"checkpointMetadata": {"version": version}}]
    top += [{name: table.last(name)} for name in ("protocol", "metaData")]
    for part in (files[::2], files[1::2]):
        sidecar = folder / f"{uuid.uuid4()}.parquet"
        pyarrow.parquet.write_table(arrow(part, ["add", "remove"]), sidecar)
        top.append({"sidecar": {"path": sidecar.name, "sizeInBytes": sidecar.stat().st_size, "modificationTime": 0}})
    file = table.log() / f"{version:020}.checkpoint.{uuid.uuid4()}.{kind}"
    if kind == "json":
        file.write_text("".join(json.dumps(action) + "\n" for action in top))
    else:
        pyarrow.parquet.write_table(arrow(top, COLUMNS), file)
    (table.log() / "_last_checkpoint").write_text(json.dumps({"version": version, "size": len(top) + len(files)}))
    trim(table, version)


def parts(table):
    version, _ = in_parts(table, 3)
    trim(table, version)


def parts_of_which_one_is_missing(table):
    _, files = in_parts(table, 3)
    files[1].unlink()
    (table.log() / "_last_checkpoint").unlink()


def timestamps(table):
    version, now = table.log_version() + 1, int(time.time() * 1000)
    properties = {
        "delta.enableInCommitTimestamps": "true", "delta.inCommitTimestampEnablementVersion": str(version),
        "delta.inCommitTimestampEnablementTimestamp": str(now),
    }
    turn_on(table, [], ["inCommitTimestamp"], properties, inCommitTimestamp=now)


def row_ids(table):
    turn_on(table, [], ["rowTracking", "domainMetadata"])


CASES = {
    "a checkpoint in parts": parts,
    "a checkpoint of which a part is missing": parts_of_which_one_is_missing,
    "a V2 checkpoint in JSON, with sidecars": lambda table: with_sidecars(table, "json"),
    "a V2 checkpoint in Parquet, with sidecars": lambda table: with_sidecars(table, "parquet"),
    "timestamps in commits": timestamps,
    "row IDs": row_ids,
}


def writes_on(table, env, name):
    """Commits for merges of small files, and for a checkpoint."""
    table.check(env, name)
    for commits in (40, 120):
        table.insert(env, commits)
        table.check(env, "  and rows after it")


def alter(table, env):
    """A column more, by the emulator."""
    definition = json.loads((table.schemas / "rows.json").read_text())
    definition["columns"].append({"name": "more", "type_text": "int", "nullable": True, "position": 2})
    url = f"{env['DATABRICKS_HOST']}/emulator/tables/{TABLE}"
    body, headers = json.dumps(definition).encode(), {"x-zerobus-emulator": "1"}
    urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PUT")).close()
    (table.schemas / "rows.json").write_text(json.dumps(definition))


def main():
    (program,) = sys.argv[1:]
    for name, change in CASES.items():
        for is_open in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                table = Table(program, folder)
                with table.emulator() as env:
                    table.insert(env, 25)
                    if is_open:
                        change(table)
                        writes_on(table, env, f"{name}, while the table is open")
                if not is_open:
                    change(table)
                with table.emulator() as env:
                    writes_on(table, env, f"{name}, at the opening")
                    if change is not row_ids:
                        alter(table, env)
                        table.insert(env, 2)
                        table.check(env, "  and altered")
                with table.emulator() as env:
                    table.insert(env, 1)
                    table.check(env, "  and after a restart")


main()
