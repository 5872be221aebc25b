"""The official wheel against a recorder: opens, sends the rows one by one, flushes, closes.

Usage: wheel.py URL CLIENT_ID CLIENT_SECRET TABLE json|proto MESSAGE

The working folder holds row.proto, the table's message, and rows.json. A stream that is refused ends the run well: what
was sent until then is what the recorder is for.
"""

import importlib
import json
import sys

from google.protobuf import json_format
from grpc_tools import protoc
from zerobus import RecordType, StreamConfigurationOptions, TableProperties, ZerobusException
from zerobus.sdk.sync import ZerobusSdk


def message_class(name):
    assert protoc.main(["protoc", "-I.", "--python_out=.", "row.proto"]) == 0
    sys.path.insert(0, ".")
    return getattr(importlib.import_module("row_pb2"), name)


def main():
    url, client_id, client_secret, table, encoding, name = sys.argv[1:7]
    with open("rows.json") as file:
        rows = json.load(file)
    if encoding == "proto":
        message = message_class(name)
        records = [json_format.ParseDict(row, message()).SerializeToString(deterministic=True) for row in rows]
        properties, kind = TableProperties(table, message.DESCRIPTOR), RecordType.PROTO
    else:
        records = [json.dumps(row) for row in rows]
        properties, kind = TableProperties(table), RecordType.JSON
    options = StreamConfigurationOptions(record_type=kind, recovery_backoff_ms=10)
    try:
        stream = ZerobusSdk(url, url).create_stream(client_id, client_secret, properties, options)
    except ZerobusException as refused:
        print("refused:", refused)
        return
    for record in records:
        stream.wait_for_offset(stream.ingest_record_offset(record))
    stream.flush()
    stream.close()


main()
