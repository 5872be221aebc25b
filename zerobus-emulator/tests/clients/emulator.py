"""The program started for a check: its environment while it runs, rows over plain HTTP, and a clean stop at the end."""

import base64
import contextlib
import json
import shlex
import subprocess
import urllib.parse
import urllib.request


@contextlib.contextmanager
def running(program, schemas, data, *options):
    command = [program, "--schemas", schemas, "--data", data, "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield exported(process)
    finally:
        process.terminate()
        code = process.wait(30)
    assert code == 0, f"the emulator ended with {code}"


def exported(process):
    environment = {}
    for line in process.stdout:
        if line.startswith("export "):
            name, text = line[len("export ") :].strip().split("=", 1)
            environment[name] = "".join(shlex.split(text))
        if line.startswith("# ready"):
            return environment
    raise SystemExit("the emulator did not start")


def post(url, body, headers):
    request = urllib.request.Request(url, body.encode(), headers, method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def token(env, table):
    """A token for rows into the table."""
    catalog, schema, _ = table.split(".")
    objects = [
        ("CATALOG", catalog, ["USE CATALOG"], {}),
        ("SCHEMA", f"{catalog}.{schema}", ["USE SCHEMA"], {}),
        ("TABLE", table, ["SELECT", "MODIFY"], {"operations": ["zerobuswrite"]}),
    ]
    details = [
        {"type": "unity_catalog_privileges", "privileges": privileges, "object_type": kind, "object_full_path": path, **more}
        for kind, path, privileges, more in objects
    ]
    form = {
        "grant_type": "client_credentials", "scope": "all-apis",
        "resource": "api://databricks/workspaces/1/zerobusDirectWriteApi", "authorization_details": json.dumps(details),
    }
    basic = f"{env['DATABRICKS_CLIENT_ID']}:{env['DATABRICKS_CLIENT_SECRET']}".encode()
    headers = {"authorization": "Basic " + base64.b64encode(basic).decode()}
    return post(env["DATABRICKS_HOST"] + "/oidc/v1/token", urllib.parse.urlencode(form), headers)["access_token"]


def insert(env, bearer, table, rows):
    """Rows over plain HTTP, stored when this returns."""
    url = f"{env['ZEROBUS_SERVER_ENDPOINT']}/zerobus/v1/tables/{table}/insert"
    return post(url, json.dumps(rows), {"authorization": f"Bearer {bearer}", "content-type": "application/json"})
