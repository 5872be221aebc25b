"""The official Python client against the emulator, and what it sent read back by deltalake and DuckDB, cell by cell.

Usage: every_type.py EMULATOR_PROGRAM SCHEMAS_FOLDER

Needs the packages databricks-zerobus-ingest-sdk, deltalake, pyarrow, pytz, duckdb and
duckdb-extension-delta (the last two of one release).
"""

import base64
import datetime as dt
import decimal
import json
import math
import pathlib
import struct
import sys
import tempfile

import deltalake
import duckdb
import duckdb_extension_delta
from zerobus import RecordType, StreamConfigurationOptions, TableProperties
from zerobus.sdk.sync import ZerobusSdk

from emulator import running

TABLE = "main.types.every_type"

FULL = {
    "c_byte": -128, "c_short": -32768, "c_int": -(2**31), "c_long": -(2**63),
    "c_float": 0.25, "c_double": -2.5e300, "c_boolean": True, "c_string": "größe \U0001F30D", "c_binary": "AAEC/w==",
    "c_date": -1, "c_timestamp": -1, "c_timestamp_ntz": 1_700_000_000_123_456,
    "c_decimal": "-12345678.90", "c_decimal_wide": "12345678901234567890.123456789012345678", "c_varchar": "ab",
    "c_variant": '{"a":[1,2.5,null,"x"],"b":{"c":true}}',
    "c_array": [1, -2, 3], "c_map": {"k": 1.5, "l": -2.0}, "c_struct": {"a": 7, "b": "y"},
    "n_byte": 127, "n_short": 32767, "n_int": 0, "n_long": 0, "n_float": "NaN", "n_double": "-Infinity",
    "n_boolean": False, "n_string": "", "n_binary": "", "n_date": 0, "n_timestamp": 1, "n_timestamp_ntz": -1,
    "n_decimal": "0.00", "n_variant": "null", "n_array": [0, -1], "n_map": {"-5": 20000},
    "n_struct": {"at": -1, "day": -1},
}
SPARSE = {name: value for name, value in FULL.items() if name.startswith("c_")}
EPOCH = dt.datetime(1970, 1, 1)
DAY = dt.date(1970, 1, 1)


def expected(row, types):
    """The row as Python values, by the types of the table."""
    return {name: value(row.get(name), type_text) for name, type_text in types.items()}


def value(given, kind):
    if given is None:
        return [] if kind.startswith("array") else {} if kind.startswith("map") else None
    if kind == "date":
        return DAY + dt.timedelta(days=given)
    if kind == "timestamp":
        return (EPOCH + dt.timedelta(microseconds=given)).replace(tzinfo=dt.timezone.utc)
    if kind == "timestamp_ntz":
        return EPOCH + dt.timedelta(microseconds=given)
    if kind.startswith("decimal"):
        return decimal.Decimal(given)
    if kind == "binary":
        return base64.b64decode(given)
    if kind in ("float", "double"):
        return float(given)
    if kind == "variant":
        return json.loads(given)
    if kind.startswith("array<"):
        return [value(item, kind[6:-1]) for item in given]
    if kind.startswith("map<"):
        key, item = kind[4:-1].split(",")
        return {int(k) if key == "bigint" else k: value(v, item) for k, v in given.items()}
    if kind.startswith("struct<"):
        fields = dict(field.split(":") for field in kind[7:-1].split(","))
        return {name: value(given.get(name), kind) for name, kind in fields.items()}
    return given


def same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def compare(reader, rows, wanted):
    assert len(rows) == len(wanted), f"{reader}: {len(rows)} rows, {len(wanted)} expected"
    for number, (row, want) in enumerate(zip(rows, wanted)):
        for name in want:
            assert same(row[name], want[name]), f"{reader}: row {number}, {name}: {row[name]!r} is not {want[name]!r}"
    print(f"{reader}: {len(rows)} rows, {len(wanted[0])} columns, every cell as it was sent")


def variant(metadata, data):
    """VARIANT's binary form as a Python value, by the Parquet specification."""
    little = lambda buffer, at, size: int.from_bytes(buffer[at : at + size], "little")
    size = (metadata[0] >> 6) + 1
    count = little(metadata, 1, size)
    ends = [little(metadata, 1 + size * (i + 1), size) for i in range(count + 1)]
    base = 1 + size * (count + 2)
    names = [bytes(metadata[base + ends[i] : base + ends[i + 1]]).decode() for i in range(count)]

    def read(at):
        kind, header = data[at] & 3, data[at] >> 2
        if kind == 1:
            return bytes(data[at + 1 : at + 1 + header]).decode()
        if kind == 0:
            return primitive(header, at + 1)
        offset_size, large = (header & 3) + 1, header >> (4 if kind == 2 else 2) & 1
        wide = 4 if large else 1
        count = little(data, at + 1, wide)
        ids = at + 1 + wide
        id_size = (header >> 2 & 3) + 1 if kind == 2 else 0
        offsets = ids + id_size * count
        values = offsets + offset_size * (count + 1)
        items = [read(values + little(data, offsets + offset_size * i, offset_size)) for i in range(count)]
        if kind == 3:
            return items
        return {names[little(data, ids + id_size * i, id_size)]: item for i, item in enumerate(items)}

    def primitive(kind, at):
        if kind < 3:
            return [None, True, False][kind]
        if kind <= 6:
            return int.from_bytes(data[at : at + (1 << (kind - 3))], "little", signed=True)
        if kind == 7:
            return struct.unpack("<d", data[at : at + 8])[0]
        if kind == 16:
            return bytes(data[at + 4 : at + 4 + little(data, at, 4)]).decode()
        raise ValueError(f"a VARIANT of primitive type {kind}")

    return read(0)


def from_arrow(given, kind):
    if given is None:
        return None
    if kind == "variant":
        return variant(given["metadata"], given["value"])
    return dict(given) if kind.startswith("map") else given


def from_duckdb(given, kind):
    return json.loads(given) if kind == "variant" and given is not None else given


def send(env, rows):
    sdk = ZerobusSdk(env["ZEROBUS_SERVER_ENDPOINT"], env["DATABRICKS_WORKSPACE_URL"])
    options = StreamConfigurationOptions(record_type=RecordType.JSON)
    stream = sdk.create_stream(
        env["DATABRICKS_CLIENT_ID"], env["DATABRICKS_CLIENT_SECRET"], TableProperties(TABLE), options
    )
    stream.ingest_record_offset(json.dumps(rows[0]))
    stream.ingest_records_offset([json.dumps(row) for row in rows[1:]])
    stream.flush()
    stream.close()


def read_deltalake(path, types):
    rows = deltalake.DeltaTable(path).to_pyarrow_table().to_pylist()
    return [{name: from_arrow(row[name], kind) for name, kind in types.items()} for row in rows]


def read_duckdb(path, types):
    extension = next(pathlib.Path(duckdb_extension_delta.__file__).parent.rglob("*.duckdb_extension"))
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension}'; SET TimeZone = 'UTC'")
    columns = ", ".join(f"{name}::JSON" if kind == "variant" else name for name, kind in types.items())
    rows = connection.execute(f"SELECT {columns} FROM delta_scan('{path}')").fetchall()
    return [{name: from_duckdb(cell, types[name]) for name, cell in zip(types, row)} for row in rows]


def main():
    program, schemas = sys.argv[1:3]
    info = json.loads(pathlib.Path(schemas, f"{TABLE}.json").read_text())
    types = {column["name"]: column["type_text"] for column in info["columns"]}
    rows = [FULL, SPARSE]
    wanted = [expected(row, types) for row in rows]
    with tempfile.TemporaryDirectory() as data:
        with running(program, schemas, data) as env:
            send(env, rows)
        path = str(pathlib.Path(data, *TABLE.split(".")))
        key = lambda row: row["n_byte"] is None
        compare("deltalake", sorted(read_deltalake(path, types), key=key), wanted)
        compare("duckdb", sorted(read_duckdb(path, types), key=key), wanted)


if __name__ == "__main__":
    main()
