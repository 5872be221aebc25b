"""`zerobus send` of one file beside a program that sends it by the official client: CPU, time and memory of each process.

Usage: files.py [--rows N] [--runs N]

The rows are 10 columns, 260 bytes as JSON. Each process sends to the neutral server, which acknowledges at once and checks
nothing. `zerobus send` checks and types every row; the official client sends each line unchanged. Runs alternate, and
medians are printed. Needs pyarrow for the Parquet file; compiles both programs in release.
"""

import argparse
import http.server
import json
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TABLE = "main.peer.events"
DDL = f"""CREATE TABLE {TABLE} (
  id BIGINT NOT NULL, at TIMESTAMP, name STRING, customer STRING, price DECIMAL(10,2), amount DOUBLE, paid BOOLEAN,
  tags ARRAY<STRING>, place STRUCT<lat: DOUBLE, lon: DOUBLE>, note STRING
) USING DELTA;"""
# How many rows differ; they are repeated.
PATTERN = 100_000
NOTE = "leave it at the door, please, or with the people next door"


def row(number):
    return {
        "id": 9_007_199_254_740_000 + number, "at": f"2026-01-31T12:{number // 60 % 60:02}:{number % 60:02}.123456Z",
        "name": "order placed", "customer": f"c-{number % 10_000:04}", "price": round(1234.56 + number % 100, 2), "amount": 3.25,
        "paid": number % 2 == 0, "tags": ["new", "express"], "place": {"lat": 47.3769, "lon": 8.5417}, "note": NOTE,
    }


def write(folder, rows):
    """The same rows as NDJSON, CSV and Parquet."""
    import datetime as dt
    import decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([
        ("id", pa.int64()), ("at", pa.timestamp("us", "UTC")), ("name", pa.string()), ("customer", pa.string()),
        ("price", pa.decimal128(10, 2)), ("amount", pa.float64()), ("paid", pa.bool_()), ("tags", pa.list_(pa.string())),
        ("place", pa.struct([("lat", pa.float64()), ("lon", pa.float64())])), ("note", pa.string()),
    ])
    few = [row(number) for number in range(min(rows, PATTERN))]
    lines = "".join(json.dumps(r, separators=(",", ":")) + "\n" for r in few)
    print(f"{len(lines) / len(few):.0f} bytes a line")
    cells = [[json.dumps(v) if isinstance(v, (dict, list)) else str(v) for v in r.values()] for r in few]
    quoted = [",".join('"' + c.replace('"', '""') + '"' if '"' in c or "," in c else c for c in r) + "\n" for r in cells]
    typed = pa.Table.from_pylist(
        [{**r, "at": dt.datetime.fromisoformat(r["at"]), "price": decimal.Decimal(f"{r['price']:.2f}")} for r in few], schema
    )
    repeats = rows // len(few)
    with open(folder / "events.ndjson", "w") as ndjson, open(folder / "events.csv", "w") as csv:
        csv.write(",".join(few[0]) + "\n")
        for _ in range(repeats):
            ndjson.write(lines)
            csv.writelines(quoted)
    with pq.ParquetWriter(folder / "events.parquet", schema, compression="snappy") as parquet:
        for _ in range(repeats):
            parquet.write_table(typed)


class Tokens(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"access_token":"peer","token_type":"Bearer","expires_in":3600}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def measured(command, env):
    """Seconds, CPU seconds and peak MiB of a process."""
    begin = os.times()
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"{command} ended with {status}: {out}"
    return os.times().elapsed - begin.elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "--locked", "--bin", "server", "--bin", "official_file"], cwd=HERE, check=True)
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "zerobus-cli"], cwd=ROOT, check=True)
    metadata = subprocess.run(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=HERE, check=True, stdout=subprocess.PIPE)
    peer = pathlib.Path(json.loads(metadata.stdout)["target_directory"], "release")
    metadata = subprocess.run(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    ours = pathlib.Path(json.loads(metadata.stdout)["target_directory"], "release", "zerobus")
    tokens = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
    threading.Thread(target=tokens.serve_forever, daemon=True).start()
    server = subprocess.Popen([peer / "server"], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        threading.Thread(target=server.stdout.read, daemon=True).start()
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as name:
            folder = pathlib.Path(name)
            (folder / "tables.sql").write_text(DDL)
            # In a process of its own: the memory that this one had would be counted for those that it starts.
            writer = multiprocessing.Process(target=write, args=(folder, options.rows))
            writer.start()
            writer.join()
            assert writer.exitcode == 0, "the files could not be written"
            rows = options.rows // min(options.rows, PATTERN) * min(options.rows, PATTERN)
            env = {
                "PATH": os.environ["PATH"], "HOME": name, "ZEROBUS_SERVER_ENDPOINT": url, "DATABRICKS_WORKSPACE_ID": "1",
                "DATABRICKS_HOST": f"http://127.0.0.1:{tokens.server_port}", "DATABRICKS_CLIENT_ID": "peer",
                "DATABRICKS_CLIENT_SECRET": "peer",
            }
            send = [ours, "send", TABLE, "--ddl", folder / "tables.sql", "--json"]
            contenders = {
                "the official client, NDJSON": [peer / "official_file", url, TABLE, folder / "events.ndjson"],
                **{f"zerobus send, {kind}": [*send, folder / f"events.{kind}"] for kind in ("ndjson", "csv", "parquet")},
            }
            found = {contender: [] for contender in contenders}
            for _ in range(options.runs):
                for contender, command in contenders.items():
                    found[contender].append(measured(command, env))
            print(f"\n{rows} rows, medians of {options.runs} alternating runs\n")
            print("| | rows/s | CPU ns a row | official / this | peak MiB |\n|---|--:|--:|--:|--:|")
            official = None
            for contender, runs in found.items():
                seconds, cpu, peak = (statistics.median(run[i] for run in runs) for i in range(3))
                official = official or cpu
                print(f"| {contender} | {rows / seconds:,.0f} | {cpu / rows * 1e9:,.0f} | {official / cpu:.1f} | {peak:.0f} |")
    finally:
        server.kill()


main()
