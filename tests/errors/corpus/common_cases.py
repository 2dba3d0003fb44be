"""What can happen in any engine: the operating system, Python itself, Arrow, the SQL parser."""

from __future__ import annotations

import concurrent.futures
import io
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import filelock
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import sqlglot
from sqlglot.optimizer.qualify import qualify

from polyroute.errors import Outcome

from .case import SENTINEL, Case, Code, in_child, no_file_left, small_files

NOTHING, OPEN = Outcome.NOT_EXECUTED, Outcome.UNKNOWN
INVALID, LOST, SLOW = Code.QUERY_INVALID, Code.ENGINE_CONNECTION_FAILED, Code.ENGINE_TIMEOUT
FULL, EXHAUSTED, NO_MEMORY = Code.CAPACITY_EXCEEDED, Code.RESOURCE_EXHAUSTED, Code.MEMORY_LIMIT_EXCEEDED


def refused(directory: Path) -> object:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return socket.create_connection(("127.0.0.1", port), 1)


def broken_pipe(directory: Path) -> object:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        return ours.send(b"x")


def reset(directory: Path) -> object:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        linger_zero = b"\1\0\0\0\0\0\0\0"  # so that closing sends a reset
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        accepted.close()
        return client.recv(1)


def silent_peer(directory: Path) -> object:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.01)
        return ours.recv(1)


def late_future(directory: Path) -> object:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        done = threading.Event()
        future = pool.submit(done.wait, 5)
        try:
            return future.result(timeout=0.01)
        finally:
            done.set()


def pool_shut_down(directory: Path) -> object:
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pool.shutdown()
    return pool.submit(print)


def disk_full(directory: Path) -> object:
    with open("/dev/full", "wb", buffering=0) as device:
        return device.write(b"x")


def file_too_large(directory: Path) -> object:
    with small_files(), (directory / "x").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 600_000)


def too_many_files(directory: Path) -> object:
    with no_file_left():
        return (directory / "x").write_text("x")


def lock_held(directory: Path) -> object:
    path = directory / "lock"
    with filelock.FileLock(path):
        return filelock.FileLock(path).acquire(timeout=0)


def too_deep(value: int = 0) -> int:
    return too_deep(value) + 1


def arrow_stream_of(content: bytes) -> Callable[[Path], object]:
    return lambda directory: pa.ipc.open_stream(content).read_all()


def wrong_column(directory: Path) -> object:
    return qualify(sqlglot.parse_one("select zz from t", read="duckdb"), schema={"t": {"a": "int"}})


NO_THREAD_LEFT = """
import threading
resource.setrlimit(resource.RLIMIT_AS, (300_000_000, 300_000_000))
threading.stack_size(250_000_000)
for _ in range(3):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
DEADLOCK = """
import fcntl, os
first, second = (open(directory + name, "wb") for name in ("/a", "/b"))
fcntl.lockf(first, fcntl.LOCK_EX)
ready, told = os.pipe()
child = os.fork()
if child == 0:
    mine = open(directory + "/b", "wb")
    fcntl.lockf(mine, fcntl.LOCK_EX)
    os.write(told, b"x")
    try:
        fcntl.lockf(open(directory + "/a", "wb"), fcntl.LOCK_EX)
    finally:
        os._exit(0)
os.read(ready, 1)
try:
    import time
    time.sleep(0.1)
    fcntl.lockf(second, fcntl.LOCK_EX)
finally:
    first.close()
    os.waitpid(child, 0)
"""


def case(name: str, act: Callable[[Path], object], code: Code, outcome: Outcome, retry: bool = False) -> Case:
    return Case(f"common-{name}", None, act, code, outcome, retry)


WRONG_ARROW: dict[str, Callable[[Path], object]] = {
    "convert": lambda d: pa.array([SENTINEL], pa.int64()),
    "mixed": lambda d: pa.array([1, SENTINEL]),
    "too-large": lambda d: pa.array([300], pa.int8()),
    "cast": lambda d: pa.array([SENTINEL]).cast(pa.int32()),
    "timestamp": lambda d: pa.array([f"2020-13-01 {SENTINEL}"]).cast(pa.timestamp("us")),
    "struct": lambda d: pa.array([SENTINEL], pa.struct([("a", pa.int8())])),
    "no-field": lambda d: pa.table({"a": [1]}).filter(pc.field("nope") > 1),
    "no-function": lambda d: pc.call_function("nope", []),
    "index": lambda d: pa.array([1]).take(pa.array([5])),
    "kernel": lambda d: pc.add(pa.array(["s"]), pa.array(["t"])),
    "lengths": lambda d: pa.table({"a": [1], "b": [1, 2]}),
    "schemas": lambda d: pa.concat_tables([pa.table({"a": [1]}), pa.table({"b": [1]})]),
    "division": lambda d: pc.divide(pa.array([1]), pa.array([0])),
    "not-parquet": lambda d: pa.parquet.read_table(io.BytesIO(SENTINEL.encode() * 9)),
    "not-a-stream": arrow_stream_of(b"not an arrow stream at all"),
    "csv-columns": lambda d: pa.csv.read_csv(io.BytesIO(f"a,b\n1,2\n1,2,{SENTINEL}\n".encode())),
    "csv-value": lambda d: pa.csv.read_csv(
        io.BytesIO(f"a\n{SENTINEL}\n".encode()), convert_options=pa.csv.ConvertOptions(column_types={"a": pa.int64()})
    ),
}

CASES = (
    *(case(f"arrow-{name}", act, INVALID, NOTHING) for name, act in WRONG_ARROW.items()),
    case("arrow-memory", lambda d: pa.allocate_buffer(2**50), NO_MEMORY, OPEN),
    case("arrow-cancelled", lambda d: _raise(pa.lib.ArrowCancelled("Operation cancelled")), Code.QUERY_TIMEOUT, OPEN),
    case("arrow-capacity", lambda d: _raise(pa.lib.ArrowCapacityError("array cannot contain more")), FULL, NOTHING),
    case("memory", lambda d: bytearray(2**60), NO_MEMORY, OPEN),
    case("socket-timeout", silent_peer, SLOW, OPEN),
    case("future-timeout", late_future, SLOW, OPEN),
    case("timeout", lambda d: _raise(TimeoutError("timed out")), SLOW, OPEN),
    case("refused", refused, LOST, NOTHING, retry=True),
    case("broken-pipe", broken_pipe, LOST, OPEN),
    case("reset", reset, LOST, OPEN),
    case("no-such-host", lambda d: socket.getaddrinfo("no-such-host.invalid", 80), LOST, NOTHING, retry=True),
    case("no-such-file", lambda d: (d / "no" / "x").read_text(), LOST, NOTHING, retry=True),
    case("is-a-directory", lambda d: d.read_text(), LOST, NOTHING, retry=True),
    case("not-a-directory", lambda d: Path(__file__, "x").read_text(), LOST, NOTHING, retry=True),
    case(
        "permission",
        lambda d: _raise(PermissionError(13, "Permission denied", str(d / "x"))),
        LOST,
        NOTHING,
        retry=True,
    ),
    case("pool-shut-down", pool_shut_down, LOST, NOTHING, retry=True),
    case("bad-descriptor", lambda d: os.read(9999, 1), Code.ENGINE_UNAVAILABLE, OPEN),
    case("disk-full", disk_full, FULL, OPEN),
    case("file-size-limit", file_too_large, FULL, OPEN),
    case("no-file-left", too_many_files, EXHAUSTED, NOTHING, retry=True),
    case("no-thread-left", in_child(NO_THREAD_LEFT), EXHAUSTED, NOTHING, retry=True),
    case("deadlock", in_child(DEADLOCK), Code.DEADLOCK_DETECTED, NOTHING, retry=True),
    case("lock-held", lock_held, Code.ENGINE_OVERLOADED, NOTHING, retry=True),
    case("not-json", lambda d: json.loads("{" + SENTINEL), INVALID, NOTHING),
    case("recursion", lambda d: too_deep(), INVALID, OPEN),
    case("not-implemented", lambda d: _raise(NotImplementedError("no graph_query here")), INVALID, NOTHING),
    case("sql-syntax", lambda d: sqlglot.parse_one(f"selec '{SENTINEL}' fro", read="duckdb"), INVALID, NOTHING),
    case("sql-token", lambda d: sqlglot.parse_one(f"select '{SENTINEL}"), INVALID, NOTHING),
    case("sql-qualify", wrong_column, Code.QUERY_OPTIMIZATION_FAILED, NOTHING, retry=True),
    case("a-bug-of-ours", lambda d: 1 // 0, Code.QUERY_EXECUTION_FAILED, OPEN),
    case("assertion", lambda d: _raise(AssertionError()), Code.QUERY_EXECUTION_FAILED, OPEN),
)


def _raise(exc: BaseException) -> object:
    raise exc
