"""What Spark's own parser makes of CREATE TABLE statements: the judge of `tests/spark.rs`.

Reads a JSON string a line, writes {"sql", "columns"} a line, the columns null where Spark refuses the statement:

    pip install pyspark==4.3.0          # needs a Java runtime, 17 or later
    python judge.py < statements > statements.jsonl
"""
import json
import sys

from pyspark.sql import SparkSession


def option(value, read=lambda inside: inside):
    return read(value.get()) if value.isDefined() else None


def identity(spec):
    return [spec.getStart(), spec.getStep(), spec.isAllowExplicitInsert()]


def column(of):
    return {
        "name": of.name(),
        "type": json.loads(of.dataType().json()),
        "nullable": of.nullable(),
        "comment": option(of.comment()),
        "default": option(of.defaultValue(), lambda value: value.originalSQL()),
        "generated": option(of.generationExpression(), lambda value: value.originalSQL()),
        "identity": option(of.identityColumnSpec(), identity),
    }


def columns(parser, sql):
    try:
        plan = parser.parsePlan(sql)
    except Exception:  # Py4J wraps each refusal in a class of its own.
        return None
    if plan.getClass().getSimpleName() not in ("CreateTable", "ReplaceTable"):
        return None
    found = plan.columns()
    return [column(found.apply(place)) for place in range(found.size())]


def main():
    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    # `${…}` stays as it is written.
    session = session.config("spark.sql.variable.substitute", "false").getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    parser = session._jsparkSession.sessionState().sqlParser()
    for line in sys.stdin:
        sql = json.loads(line)
        print(json.dumps({"sql": sql, "columns": columns(parser, sql)}, ensure_ascii=False))


main()
