"""A table that other programs write to as well: deltalake deletes, merges, compacts, vacuums and restores it, and version by version
the emulator, deltalake and DuckDB have the same rows. What the emulator cannot write to, it refuses, and leaves the table alone.

Usage: other_writers.py EMULATOR_PROGRAM

Needs deltalake, pyarrow, duckdb and duckdb-extension-delta.
"""

import json
import pathlib
import struct
import sys
import tempfile

import pyarrow
import pyarrow.parquet
from deltalake import write_deltalake

from shared_table import Table

SCHEMA = pyarrow.schema([pyarrow.field("id", pyarrow.int64(), False), pyarrow.field("name", pyarrow.string())])


def deltalake_at_work(table, env):
    """Everything that deltalake does to rows and files, with commits of the emulator in between."""

    def delete():
        table.delta().delete("id % 7 = 0")
        table.rows = {key: name for key, name in table.rows.items() if key % 7}

    def update():
        table.delta().update(updates={"name": "'u'"}, predicate="id % 5 = 0")
        table.rows = {key: name if key % 5 else "u" for key, name in table.rows.items()}

    def merge():
        known = min(table.rows)
        source = pyarrow.table({"id": [known, 10_000_000 + table.next], "name": ["merged", "new"]})
        matched = table.delta().merge(source, "target.id = source.id", source_alias="source", target_alias="target")
        matched.when_matched_update_all().when_not_matched_insert_all().execute()
        table.rows.update({known: "merged", 10_000_000 + table.next: "new"})

    def append():
        number = 20_000_000 + table.next
        write_deltalake(table.path, pyarrow.table({"id": [number], "name": [None]}, SCHEMA), mode="append")
        table.rows[number] = None

    def restore():
        before, rows = table.delta().version(), dict(table.rows)
        table.insert(env, 2)
        table.delta().delete("id > 10")
        table.delta().restore(before)
        table.rows = rows

    def checkpoint():
        table.delta().create_checkpoint()
        table.delta().cleanup_metadata()

    def vacuum():
        table.delta().vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)

    def compact():
        table.delta().optimize.compact()

    def z_order():
        table.delta().optimize.z_order(["name"])

    for step in [delete, update, merge, append, compact, restore, checkpoint, z_order, vacuum, delete, vacuum]:
        step()
        table.check(env, f"deltalake: {step.__name__}")
        # Enough for a merge of small files.
        table.insert(env, 40)
        table.check(env, "  and rows after it")


def deletion_vectors(table, env):
    """Rows deleted by deletion vectors, which deltalake does not write."""
    protocol = {
        "minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"],
    }
    add = table.last("add")
    ids = read_ids(table, add)
    remove = {"path": add["path"], "dataChange": True, "deletionTimestamp": 0, "size": add["size"]}
    gone = [place for place in range(len(ids)) if place % 2 == 0]
    table.commit(
        {"protocol": protocol},
        {"remove": remove | {"partitionValues": {}, "extendedFileMetadata": True}},
        {"add": add | {"deletionVector": vector(gone), "dataChange": True}},
    )
    for place in gone:
        del table.rows[ids[place]]
    table.check(env, "deletion vectors")
    table.insert(env, 40)
    table.check(env, "  and rows after it")
    # Among the files that the next merges take.
    actions = []
    for add in table.files()[::3]:
        if "deletionVector" not in add:
            ids = read_ids(table, add)
            gone = range(0, len(ids), 2)
            remove = {"path": add["path"], "dataChange": True, "deletionTimestamp": 0, "size": add["size"]}
            actions.append({"remove": remove | {"partitionValues": {}, "extendedFileMetadata": True}})
            actions.append({"add": add | {"deletionVector": vector(gone), "dataChange": True}})
            for place in gone:
                del table.rows[ids[place]]
    assert len(actions) > 4, actions
    table.commit(*actions)
    table.check(env, "deletion vectors of many files")
    table.insert(env, 300, 1)
    table.check(env, "  and rows after it")


def read_ids(table, add):
    return pyarrow.parquet.read_table(pathlib.Path(table.path, add["path"])).column("id").to_pylist()


def vector(places):
    """A deletion vector in the log itself: a 64-bit Roaring bitmap of one array container, in Z85."""
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(places) - 1, 16) + struct.pack(f"<{len(places)}H", *places)
    blob = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    text = z85(blob + b"\0" * (-len(blob) % 4))
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(blob), "cardinality": len(places)}


def z85(blob):
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    numbers = struct.unpack(f">{len(blob) // 4}I", blob)
    return "".join(digits[number // 85**power % 85] for number in numbers for power in range(4, -1, -1))


def without_statistics(table, env):
    """A file about which the log says nothing."""
    file = pathlib.Path(table.path, "plain.parquet")
    pyarrow.parquet.write_table(pyarrow.table({"id": [30_000_000, 30_000_001], "name": ["a", "b"]}, SCHEMA), file)
    size = file.stat().st_size
    table.commit({"add": {"path": file.name, "size": size, "partitionValues": {}, "modificationTime": 0, "dataChange": True}})
    table.rows.update({30_000_000: "a", 30_000_001: "b"})
    table.check(env, "a file without statistics")
    table.insert(env, 2)
    table.check(env, "  and rows after it")


def refusals(program):
    """What the service does not write to, set while the emulator has the table open and before it opens the table."""

    def property_of(key, value, *features, reader=()):
        def set_property(table):
            metadata = table.last("metaData")
            protocol = {
                "minReaderVersion": 3, "minWriterVersion": 7,
                "readerFeatures": list(reader), "writerFeatures": [*features, *reader],
            }
            if reader:
                schema = json.loads(metadata["schemaString"])
                for number, field in enumerate(schema["fields"], 1):
                    field["metadata"] = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": field["name"]}
                metadata["schemaString"] = json.dumps(schema)
                metadata["configuration"]["delta.columnMapping.maxColumnId"] = str(len(schema["fields"]))
            metadata["configuration"][key] = value
            table.commit({"protocol": protocol}, {"metaData": metadata})

        return set_property

    def add_column(table):
        source = pyarrow.table({"id": pyarrow.array([40_000_000]), "name": ["x"], "more": [1]})
        write_deltalake(table.path, source, mode="append", schema_mode="merge")
        table.rows[40_000_000] = "x"

    cases = {
        "column mapping": (property_of("delta.columnMapping.mode", "name", reader=["columnMapping"]), "column mapping"),
        "a CHECK constraint": (lambda table: table.delta().alter.add_constraint({"positive": "id >= 0"}), "CHECK"),
        "a change data feed": (property_of("delta.enableChangeDataFeed", "true", "changeDataFeed"), "change data feed"),
        "another column": (add_column, "other columns"),
    }
    for name, (change, words) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            table = Table(program, folder)
            with table.emulator() as env:
                table.insert(env, 35)
                change(table)
                table.refused(env, words)
                table.refused(env, words)
                table.check(env, f"{name}, while the table is open")
            with table.emulator() as env:
                table.refused(env, words)
                table.check(env, f"{name}, after a restart")


def main():
    (program,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        table = Table(program, folder)
        # The table is deltalake's own at first, and its log ends without a line break.
        write_deltalake(table.path, pyarrow.table({"id": [-2, -1], "name": ["x", "y"]}, SCHEMA))
        table.rows.update({-2: "x", -1: "y"})
        with table.emulator() as env:
            table.check(env, "a table of deltalake")
            table.insert(env, 40)
            table.check(env, "  and rows after it")
        table.delta().delete("id = 1")
        del table.rows[1]
        with table.emulator() as env:
            table.insert(env, 1)
            table.check(env, "deleted between two runs")
            deltalake_at_work(table, env)
            without_statistics(table, env)
        with table.emulator() as env:
            table.check(env, "after a restart")
            table.insert(env, 40)
            deletion_vectors(table, env)
        with table.emulator() as env:
            table.check(env, "after another restart")
            table.insert(env, 300, 1)
            table.check(env, "  and rows after it")
    refusals(program)


main()
