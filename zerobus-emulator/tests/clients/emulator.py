"""The program started for a check: its environment while it runs, and a clean stop at the end."""

import contextlib
import subprocess


@contextlib.contextmanager
def running(program, schemas, data):
    command = [program, "--schemas", schemas, "--data", data, "--port", "0"]
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
            environment[name] = text
        if line.startswith("# ready"):
            return environment
    raise SystemExit("the emulator did not start")
