"""A table that is altered between its rows: deltalake and DuckDB read every cell as it was sent, in the last definition.

Usage: altered.py EMULATOR_PROGRAM SCHEMAS_FOLDER

Needs the packages that every_type.py needs.
"""

import copy
import json
import pathlib
import sys
import tempfile
import urllib.request

from emulator import insert, running, token
from every_type import FULL, SPARSE, TABLE, compare, expected, read_deltalake, read_duckdb

ADDED = {"a_text": "string", "a_variant": "variant", "a_at": "timestamp_ntz", "a_struct": "struct<x:int,y:string>"}
WIDER = {"c_byte": "int", "c_varchar": "string", "c_decimal": "decimal(20,4)"}
DROPPED = ["n_map", "c_struct"]


def put(env, definition):
    headers = {"x-zerobus-emulator": "1"}
    url = f"{env['ZEROBUS_SERVER_ENDPOINT']}/emulator/tables/{TABLE}"
    request = urllib.request.Request(url, json.dumps(definition).encode(), headers, method="PUT")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def added(definition):
    definition = copy.deepcopy(definition)
    for name, kind in ADDED.items():
        position = len(definition["columns"])
        definition["columns"].append({"name": name, "type_text": kind, "position": position, "nullable": True})
    return definition


def changed(definition):
    definition = copy.deepcopy(definition)
    definition["columns"] = [column for column in definition["columns"] if column["name"] not in DROPPED]
    for column in definition["columns"]:
        if column["name"] in WIDER:
            column.update(type_text=WIDER[column["name"]], type_json=None, type_name=None)
            column.update(type_precision=None, type_scale=None)
    return definition


def without_dropped(row):
    return {name: value for name, value in row.items() if name not in DROPPED}


def main():
    program, schemas = sys.argv[1:3]
    first = json.loads(pathlib.Path(schemas, f"{TABLE}.json").read_text())
    values = {"a_text": "größe", "a_variant": '{"n":[1,null]}', "a_at": 1, "a_struct": {"x": 1, "y": "z"}}
    rows = [{**FULL, "c_long": 0}, {**SPARSE, "c_long": 1}]
    more = [{**FULL, **values, "c_long": 2}, {**SPARSE, "c_long": 3}]
    last = [{**without_dropped(FULL), **values, "c_long": 4, "c_byte": 70_000, "c_decimal": "1.2345"}]
    with tempfile.TemporaryDirectory() as data:
        with running(program, schemas, data) as env:
            bearer = token(env, TABLE)
            insert(env, bearer, TABLE, rows)
            wider = added(first)
            assert put(env, wider)["severity"] == "safe"
            insert(env, bearer, TABLE, more)
            narrower = changed(wider)
            assert put(env, narrower)["severity"] == "breaking"
            insert(env, bearer, TABLE, last)
        types = {column["name"]: column["type_text"] for column in narrower["columns"]}
        path = str(pathlib.Path(data, *TABLE.split(".")))
        wanted = [expected(without_dropped(row), types) for row in rows + more + last]
        for want in wanted[:-1]:
            want["c_decimal"] = want["c_decimal"].quantize(wanted[-1]["c_decimal"])
        key = lambda row: row["c_long"]
        compare("deltalake", sorted(read_deltalake(path, types), key=key), wanted)
        compare("duckdb", sorted(read_duckdb(path, types), key=key), wanted)


if __name__ == "__main__":
    main()
