"""The official Python client against the emulator, as its users use it; every row is counted in the Delta table.

Usage: producers.py EMULATOR_PROGRAM SCHEMAS_FOLDER PROTO_FOLDER

PROTO_FOLDER holds what `zerobus-codegen generate --proto-out` made of the snapshots: the message classes come from
there, by protoc. Needs the packages databricks-zerobus-ingest-sdk, deltalake, pyarrow and grpcio-tools.
"""

import importlib
import json
import pathlib
import sys
import tempfile
import urllib.request

import deltalake
from google.protobuf import json_format
from grpc_tools import protoc
from zerobus import RecordType, StreamConfigurationOptions, TableProperties
from zerobus.sdk.sync import ZerobusSdk

from emulator import running

QUAKES, ORDERS = "main.geo.earthquakes", "main.sales.orders"
ROWS = 200


def quake(number):
    return {
        "id": f"q{number}", "time": 1_700_000_000_000_000 + number, "event_date": 19_675 + number % 3, "mag": 4.25,
        "type": "earthquake", "status": "reviewed", "tsunami": False, "sig": number,
        "location": {"longitude": 1.5, "latitude": -2.5, "depth_km": 10.0}, "ids": ["a", "b"],
        "properties": json.dumps({"n": number}),
    }


def order(number):
    line = {"sku": "s", "quantity": 2, "unit_price": "19.99", "attributes": {"k": "v"}, "shipped": [number]}
    return {
        "order_id": number, "placed_at": 1_700_000_000_000_000, "currency": "EUR", "lines": [line],
        "customer": {"id": number, "name": "n", "address": {"city": "c", "geo": {"lat": 1.0}}},
        "totals": {"EUR": {"net": "1.00", "tax": "0.19"}},
    }


TABLES = {QUAKES: (quake, "id", "Earthquakes"), ORDERS: (order, "order_id", "Orders")}


def message_classes(protos, out):
    """The classes that a Python team gets from our .proto files."""
    for table in TABLES:
        # A dot in a file's name becomes a folder in protoc's Python.
        copy = pathlib.Path(out, table.replace(".", "_") + ".proto")
        copy.write_text(pathlib.Path(protos, f"{table}.proto").read_text())
        assert protoc.main(["protoc", f"-I{out}", f"--python_out={out}", str(copy)]) == 0, f"protoc refuses {copy}"
    sys.path.insert(0, out)
    modules = {table: importlib.import_module(table.replace(".", "_") + "_pb2") for table in TABLES}
    return {table: getattr(modules[table], TABLES[table][2]) for table in TABLES}


class Producer:
    """One table, one encoding."""

    def __init__(self, env, table, message):
        self.env, self.table, self.message = env, table, message

    def stream(self):
        sdk = ZerobusSdk(self.env["ZEROBUS_SERVER_ENDPOINT"], self.env["DATABRICKS_WORKSPACE_URL"])
        kind = RecordType.PROTO if self.message else RecordType.JSON
        options = StreamConfigurationOptions(record_type=kind, recovery_backoff_ms=50)
        properties = TableProperties(self.table, self.message.DESCRIPTOR if self.message else None)
        client = self.env["DATABRICKS_CLIENT_ID"], self.env["DATABRICKS_CLIENT_SECRET"]
        return sdk.create_stream(*client, properties, options)

    def encode(self, number):
        row = TABLES[self.table][0](number)
        if not self.message:
            return json.dumps(row)
        return json_format.ParseDict(row, self.message()).SerializeToString()

    def send(self, numbers, batched):
        stream = self.stream()
        records = [self.encode(number) for number in numbers]
        if batched:
            for start in range(0, len(records), 64):
                last = stream.ingest_records_offset(records[start : start + 64])
        else:
            for record in records:
                last = stream.ingest_record_offset(record)
            stream.wait_for_offset(last)
        stream.flush()
        stream.close()


def arm(env, fault):
    request = urllib.request.Request(
        env["DATABRICKS_HOST"] + "/emulator/faults", fault.encode(), {"x-zerobus-emulator": "1"}, method="POST"
    )
    urllib.request.urlopen(request).close()


def struck(env):
    with urllib.request.urlopen(env["DATABRICKS_HOST"] + "/emulator/faults") as answer:
        return json.load(answer)["struck"]


def stored(data, table):
    column = TABLES[table][1]
    path = str(pathlib.Path(data, *table.split(".")))
    return deltalake.DeltaTable(path).to_pyarrow_table(columns=[column])[column].to_pylist()


def expect(data, table, numbers, repeats):
    keys = stored(data, table)
    wanted = {TABLES[table][0](number)[TABLES[table][1]] for number in numbers}
    assert set(keys) == wanted, f"{table}: {len(set(keys))} of {len(wanted)} rows, {len(set(keys) - wanted)} foreign"
    assert repeats or len(keys) == len(wanted), f"{table}: {len(keys) - len(wanted)} rows twice"


def main():
    program, schemas, protos = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as out:
        classes = message_classes(protos, out)
        with running(program, schemas, data) as env:
            sent = 0
            for message in (True, False):
                for batched in (False, True):
                    for table in TABLES:
                        producer = Producer(env, table, classes[table] if message else None)
                        producer.send(range(sent, sent + ROWS), batched)
                    sent += ROWS
                    for table in TABLES:
                        expect(data, table, range(sent), repeats=False)
                    print(f"{'PROTO' if message else 'JSON'}, {'batches' if batched else 'one by one'}: every row there once")
            for fault in ("reset after=30 times=1", "close-signal=200ms after=20 times=1", "status=UNAVAILABLE/6006 after=10 times=1"):
                before = len(struck(env))
                arm(env, fault)
                Producer(env, ORDERS, classes[ORDERS]).send(range(sent, sent + ROWS), batched=False)
                sent += ROWS
                assert len(struck(env)) == before + 1, f"{fault} has not struck"
                expect(data, ORDERS, range(sent), repeats=True)
                print(f"{fault}: every row there")


main()
