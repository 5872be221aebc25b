"""Has DuckDB run the SQL of `zerobus-codegen ddl --dedup` over a Delta table with duplicates, as printed but for the FROM.

usage: duplicates.py CODEGEN_PROGRAM TABLE_FOLDER ROWS_SENT

The table is the one of examples/duplicates. Needs the packages that every_type.py needs.
"""

import pathlib
import subprocess
import sys

import duckdb
import duckdb_extension_delta

EXAMPLE = pathlib.Path(__file__).resolve().parents[3] / "examples" / "duplicates"
TABLE = "`main`.`iot`.`readings`"


def printed(program):
    """The view's SELECT and the query of missing rows, as the program prints them."""
    command = [program, "ddl", "--schemas", EXAMPLE / "schemas", "--config", EXAMPLE / "zerobus.toml", "--dedup"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    statements = [part.split("\n", 1)[1] for part in text.split("-- ") if part]
    view, _, gaps = statements
    return view.split(" AS\n", 1)[1], gaps


def connect():
    extension = next(pathlib.Path(duckdb_extension_delta.__file__).parent.rglob("*.duckdb_extension"))
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension}'")
    return connection


def main():
    program, table, sent = sys.argv[1], sys.argv[2], int(sys.argv[3])
    view, gaps = printed(program)
    assert TABLE in view and TABLE in gaps, (view, gaps)
    connection = connect()
    scan = f"delta_scan('{table}')"
    once = view.replace(TABLE, scan).rstrip().rstrip(";")

    before = connection.execute(f"SELECT count(*) FROM {scan}").fetchone()[0]
    after, stamps = connection.execute(
        f"SELECT count(*), count(DISTINCT (producer, epoch, sequence)) FROM ({once})"
    ).fetchone()
    # A row that was lost and one that came twice would make up for each other; what was sent is known by its values.
    kept = connection.execute(f"SELECT device, celsius, count(*) FROM ({once}) GROUP BY ALL").fetchall()
    assert before > sent, f"the faults made no duplicate: {before}"
    assert after == stamps == sent, (after, stamps, sent)
    assert all(count == 5 for _, _, count in kept) and len(kept) == sent // 5, kept[:5]
    assert connection.execute(gaps.replace(TABLE, scan)).fetchall() == [], "rows are missing"

    # Rows of a program that stamps none are no duplicates of each other.
    bare = f"(SELECT * FROM {scan} UNION ALL SELECT 'bare', n, NULL, NULL, NULL FROM range(30) AS bare(n))"
    once = view.replace(TABLE, bare).rstrip().rstrip(";")
    assert connection.execute(f"SELECT count(*) FROM ({once})").fetchone()[0] == sent + 30

    # Without these rows, however often they are there, the query has to find them.
    holed = f"(SELECT * FROM {scan} WHERE NOT (sequence BETWEEN 700 AND 709 OR sequence = 3000))"
    found = connection.execute(gaps.replace(TABLE, holed)).fetchall()
    assert sorted(row[2:] for row in found) == [(700, 709), (3000, 3000)], found
    print(f"{before} rows in the table, {after} in the view, none missing; 2 gaps that were made were found")


if __name__ == "__main__":
    main()
