"""Files as people have them, sent by `zerobus send` and read back by deltalake and DuckDB, cell by cell.

Usage: files.py ZEROBUS_PROGRAM EMULATOR_PROGRAM

A public event feed as NDJSON, taxi trips as Parquet, Arrow file and Arrow stream, and a CSV export with everything that CSV
exports have. Needs the packages that every_type.py of the emulator needs.
"""

import datetime as dt
import decimal
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import pyarrow
import pyarrow.ipc
import pyarrow.parquet

from every_type import compare, read_deltalake, read_duckdb

UTC = dt.timezone.utc

# Each table with its columns; the trips come three times, by three formats.
TRIP = {
    "VendorID": "int", "tpep_pickup_datetime": "timestamp_ntz", "tpep_dropoff_datetime": "timestamp",
    "passenger_count": "bigint", "trip_distance": "double", "store_and_fwd_flag": "string", "PULocationID": "int",
    "payment_type": "bigint", "fare_amount": "double", "total_amount": "decimal(10,2)", "zones": "array<string>",
    "day": "date", "shared": "boolean",
}
TABLES = {
    "main.files.events": {
        "id": "string not null", "type": "string", "actor": "struct<id:bigint,login:string>", "payload": "variant",
        "public": "boolean", "created_at": "timestamp",
    },
    "main.files.trips": TRIP, "main.files.trips_file": TRIP, "main.files.trips_stream": TRIP,
    "main.files.exports": {
        "Nr": "bigint not null", "Name": "string", "Betrag": "decimal(12,2)", "Anteil": "double", "Am": "date",
        "Um": "timestamp_ntz", "Notiz": "string not null",
    },
}


def ddl():
    statements = []
    for table, columns in TABLES.items():
        listed = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
        statements.append(f"CREATE TABLE {table} ({listed}) USING DELTA;")
    return "\n".join(statements)


def events():
    """Events as a public feed has them, and what they are in the table."""
    lines, rows = [], []
    for number in range(500):
        at = dt.datetime(2026, 1, 1, tzinfo=UTC) + dt.timedelta(seconds=number)
        payload = {"push_id": 2**60 + number, "commits": [{"sha": "a" * 40, "message": 'fix "it"\n\u00fc \U0001f30d'}], "n": None}
        event = {
            "id": str(30_000_000_000 + number), "type": "PushEvent", "actor": {"id": number, "login": f"user-{number}"},
            "payload": payload, "public": True, "created_at": at.isoformat().replace("+00:00", "Z"),
        }
        lines.append(json.dumps(event, ensure_ascii=number % 2 == 0))
        rows.append({**event, "created_at": at})
    return "\n".join(lines) + "\n", rows


def trips():
    """Trips as the taxi commission publishes them, with nulls, and types that the table has otherwise."""
    begin = dt.datetime(2026, 1, 1)
    rows = []
    for number in range(3_000):
        pickup = begin + dt.timedelta(seconds=number, microseconds=number)
        rows.append({
            "VendorID": 1 + number % 2, "tpep_pickup_datetime": pickup,
            "tpep_dropoff_datetime": pickup.replace(tzinfo=UTC) + dt.timedelta(minutes=7),
            "passenger_count": None if number % 7 == 0 else number % 5, "trip_distance": number / 8,
            "store_and_fwd_flag": [None, "Y", "N"][number % 3], "PULocationID": 2**15 + number, "payment_type": number % 4,
            "fare_amount": float("inf") if number == 5 else number * 1.1,
            "total_amount": decimal.Decimal(number) / 100, "zones": [] if number % 4 == 0 else ["Midtown", f"z{number}"],
            "day": pickup.date(), "shared": None if number % 11 == 0 else number % 2 == 0,
        })
    schema = pyarrow.schema([
        ("VendorID", pyarrow.int32()), ("tpep_pickup_datetime", pyarrow.timestamp("us")),
        ("tpep_dropoff_datetime", pyarrow.timestamp("us", "America/New_York")), ("passenger_count", pyarrow.float64()),
        ("trip_distance", pyarrow.float64()), ("store_and_fwd_flag", pyarrow.dictionary(pyarrow.int8(), pyarrow.string())),
        ("PULocationID", pyarrow.uint32()), ("payment_type", pyarrow.int64()), ("fare_amount", pyarrow.float64()),
        ("total_amount", pyarrow.decimal128(18, 4)), ("zones", pyarrow.large_list(pyarrow.string())),
        ("day", pyarrow.date32()), ("shared", pyarrow.bool_()),
    ])
    return pyarrow.Table.from_pylist(rows, schema), rows


def exports():
    """A CSV export as a German office suite writes it."""
    text = (
        "\ufeffNr;Name;Betrag;Anteil;Am;Um;Notiz\r\n"
        '1;"Müller; Söhne";1234,50;0,25;2026-01-31;2026-01-31 23:59:59,5;"sagte ""ja""\r\nund ging"\r\n'.replace("59,5", "59.5")
        + "2;;-0,01;-1e-3;;;\r\n"
        + '3;"";0,00;2;1969-12-31;1969-12-31 23:59:59;"a,b"'
    )
    rows = [
        {"Nr": 1, "Name": "Müller; Söhne", "Betrag": decimal.Decimal("1234.50"), "Anteil": 0.25, "Am": dt.date(2026, 1, 31),
         "Um": dt.datetime(2026, 1, 31, 23, 59, 59, 500_000), "Notiz": 'sagte "ja"\r\nund ging'},
        {"Nr": 2, "Name": None, "Betrag": decimal.Decimal("-0.01"), "Anteil": -0.001, "Am": None, "Um": None, "Notiz": ""},
        {"Nr": 3, "Name": None, "Betrag": decimal.Decimal("0.00"), "Anteil": 2.0, "Am": dt.date(1969, 12, 31),
         "Um": dt.datetime(1969, 12, 31, 23, 59, 59), "Notiz": "a,b"},
    ]
    return text, rows


def write(folder):
    """The files; the arguments that send each, and the rows that are to be in its table."""
    feed, event_rows = events()
    with gzip.open(folder / "2026-01-01-0.json.gz", "wt", encoding="utf-8") as file:
        file.write(feed)
    table, trip_rows = trips()
    pyarrow.parquet.write_table(table, folder / "trips.parquet", row_group_size=1_000, compression="zstd")
    with pyarrow.ipc.new_file(folder / "trips.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=700)
    with pyarrow.ipc.new_stream(folder / "trips.arrows", table.schema) as writer:
        writer.write_table(table, max_chunksize=900)
    export, export_rows = exports()
    (folder / "export.csv").write_text(export, encoding="utf-8", newline="")
    return {
        "main.files.events": (["2026-01-01-0.json.gz"], event_rows, "id"),
        "main.files.trips": (["trips.parquet"], trip_rows, "PULocationID"),
        "main.files.trips_file": (["trips.arrow"], trip_rows, "PULocationID"),
        "main.files.trips_stream": (["trips.arrows"], trip_rows, "PULocationID"),
        "main.files.exports": (["export.csv", "--decimal-comma"], export_rows, "Nr"),
    }


def main():
    zerobus, emulator = (str(pathlib.Path(program).resolve()) for program in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "tables.sql").write_text(ddl())
        sent = write(folder)
        commands = [" ".join([f"'{zerobus}' send {table} --json", *files]) for table, (files, _, _) in sent.items()]
        run = [emulator, "exec", "--ddl", "tables.sql", "--data", "data", "--", "sh", "-ec", "\n".join(commands)]
        answer = subprocess.run(run, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert answer.returncode == 0, f"it ended with {answer.returncode}: {answer.stdout}"
        for table, (_, rows, key) in sent.items():
            types = {column: kind.removesuffix(" not null") for column, kind in TABLES[table].items()}
            path = str(folder.joinpath("data", *table.split(".")))
            print(table)
            for reader, read in (("  deltalake", read_deltalake), ("  duckdb", read_duckdb)):
                compare(reader, sorted(read(path, types), key=lambda row: row[key]), rows)


main()
