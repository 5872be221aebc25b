"""A stock gRPC server (grpcio) with scripted answers, for our client.

Usage: stock_server.py PROTO SCRIPT [OPTION=VALUE...]

PROTO is zerobus.proto, compiled here. SCRIPT is one of
  serve             acknowledges every request
  slow              acknowledges every request 20 ms after it came
  close-signal      asks the first call to close after two requests
  goaway            stops the server after two requests (GOAWAY, and time to finish), and starts anew on the same port
  kill              stops the server after two requests without any time, and starts anew on the same port
  cancelled, unavailable, internal, deadline, ended
                    ends the first call with that status (`ended`: with OK) after two requests, of which one is acknowledged
OPTION=VALUE are channel arguments of gRPC, such as grpc.http2.lookahead_bytes=65536.

Prints `ready PORT`; at the end of its standard input it prints, as JSON, the calls, the ids of the rows that it kept, and
what the client did that it must not do.
"""

import importlib
import json
import os
import sys
import tempfile
import threading
import time
from concurrent import futures

import grpc
from grpc_tools import protoc

METHOD = "/databricks.zerobus.Zerobus/EphemeralStream"
STATUS = {
    "cancelled": grpc.StatusCode.CANCELLED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "internal": grpc.StatusCode.INTERNAL,
    "deadline": grpc.StatusCode.DEADLINE_EXCEEDED,
    "ended": grpc.StatusCode.OK,
}


def compile_proto(path):
    out = tempfile.mkdtemp()
    include = os.path.join(os.path.dirname(protoc.__file__), "_proto")
    arguments = ["protoc", f"-I{os.path.dirname(path)}", f"-I{include}", f"--python_out={out}", path]
    assert protoc.main(arguments) == 0, f"protoc refuses {path}"
    sys.path.insert(0, out)
    return importlib.import_module("zerobus_pb2")


class Service(grpc.GenericRpcHandler):
    def __init__(self, pb, script, restart):
        self.pb, self.script, self.restart = pb, script, restart
        self.calls, self.kept, self.violations = [], [], []

    def service(self, details):
        if details.method != METHOD:
            self.violations.append(f"method {details.method}")
            return None
        return grpc.stream_stream_rpc_method_handler(
            self.call, self.pb.EphemeralStreamRequest.FromString, self.pb.EphemeralStreamResponse.SerializeToString
        )

    def call(self, requests, context):
        number = len(self.calls)
        seen = {"requests": 0, "half_closed": False}
        self.calls.append(seen)
        for response in self.answers(number, seen, requests, context):
            yield response
        if number == 0 and self.script in STATUS and self.script != "ended":
            context.abort(STATUS[self.script], "as the script says")

    def answers(self, number, seen, requests, context):
        pb = self.pb
        create = next(requests)
        if create.WhichOneof("payload") != "create_stream":
            self.violations.append("the first request does not create the stream")
        yield pb.EphemeralStreamResponse(create_stream_response={"stream_id": f"stream-{number}"})
        for request in requests:
            offset = self.take(seen, request)
            if number == 0 and self.script in STATUS and seen["requests"] == 2:
                return
            if self.script == "slow":
                time.sleep(0.02)
            yield self.ack(offset, request)
            if number == 0 and seen["requests"] == 2:
                if self.script == "close-signal":
                    yield pb.EphemeralStreamResponse(close_stream_signal={"duration": {"seconds": 5}})
                if self.script in ("goaway", "kill"):
                    self.restart()
        seen["half_closed"] = True

    def take(self, seen, request):
        kind = request.WhichOneof("payload")
        if kind not in ("ingest_record", "ingest_record_batch"):
            self.violations.append(f"request {kind}")
        offset = getattr(request, kind).offset_id
        if offset != seen["requests"]:
            self.violations.append(f"offset {offset} where {seen['requests']} is due")
        seen["requests"] += 1
        return offset

    def ack(self, offset, request):
        self.kept.extend(json.loads(record)["id"] for record in request.ingest_record_batch.json_batch.records)
        return self.pb.EphemeralStreamResponse(ingest_record_response={"durability_ack_up_to_offset": offset})


class Servers:
    """One server after the other on one port."""

    def __init__(self, options):
        self.options, self.service, self.port, self.server = options, None, 0, None

    def start(self):
        server = grpc.server(futures.ThreadPoolExecutor(8), options=[*self.options, ("grpc.so_reuseport", 1)])
        server.add_generic_rpc_handlers((self.service,))
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        server.start()
        self.server = server

    def restart(self, grace):
        old = self.server
        # On a thread of its own: the handler that asks for it is one that the old server waits for.
        stopped = threading.Thread(target=lambda: old.stop(grace).wait())
        stopped.start()
        self.start()


def main():
    proto, script, *options = sys.argv[1:]
    pairs = [option.split("=") for option in options]
    servers = Servers([(name, int(value)) for name, value in pairs])
    servers.service = Service(compile_proto(proto), script, lambda: servers.restart(5 if script == "goaway" else None))
    servers.start()
    print("ready", servers.port, flush=True)
    sys.stdin.read()
    service = servers.service
    print(json.dumps({"calls": service.calls, "kept": service.kept, "violations": service.violations}), flush=True)
    os._exit(0)


main()
