"""CPU time of another process, and the FastCGI connection."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.peers.fastcgi import FastCgiClient, pairs
from benchmarks.peers.processes import AnswerError, process_cpu

BUSY = """
import threading, time
def burn():
    while time.thread_time() < 0.15:
        pass
thread = threading.Thread(target=burn)
thread.start(); thread.join()
print(flush=True)
input()
"""


def test_the_cpu_clock_counts_what_proc_counts_threads_that_ended_too():
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        clock = process_cpu(process.pid)
        process.stdin.write(b"\n")
        process.stdin.close()
        process.wait()
    assert clock >= 0.15
    assert clock == pytest.approx(ticks, abs=0.05)


def test_a_process_that_is_gone_is_an_error():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(OSError):  # noqa: PT011 - the message is the system's
        process_cpu(process.pid)


def test_lengths_of_names_and_values_take_one_byte_or_four():
    assert pairs({"A": "b", "LONG": "x" * 200}) == (
        b"\x01\x01Ab" + b"\x04\x80\x00\x00\xc8LONG" + b"x" * 200
    )


def served(answer: bytes) -> int:
    """A port where one connection gets this answer and is then closed."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            connection.recv(1 << 16)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    port: int = listening.getsockname()[1]
    return port


def test_an_answer_may_come_in_several_records_with_padding_and_with_errors_between():
    port = served(
        b"\x01\x06\x00\x01\x00\x17\x01\x00Content-Type: image/png\x00"
        b"\x01\x07\x00\x01\x00\x04\x00\x00oops"
        b"\x01\x06\x00\x01\x00\x0b\x00\x00\r\n\r\npicture"
        b"\x01\x03\x00\x01\x00\x08\x00\x00" + bytes(8)
    )
    client = FastCgiClient(port)
    try:
        assert client.get("a=b") == ("image/png", b"picture")
    finally:
        client.close()


def test_a_program_that_ends_is_an_error():
    client = FastCgiClient(served(b"\x01\x06\x00"))
    try:
        with pytest.raises(AnswerError, match="ended at a=b"):
            client.get("a=b")
    finally:
        client.close()


def test_a_bad_status_is_an_error():
    head = b"Status: 500 Internal\r\n\r\n"
    port = served(
        b"\x01\x06\x00\x01" + len(head).to_bytes(2, "big") + b"\x00\x00" + head
        + b"\x01\x03\x00\x01\x00\x08\x00\x00" + bytes(8)
    )  # fmt: skip
    client = FastCgiClient(port)
    try:
        with pytest.raises(AnswerError) as caught:
            client.get("a=b")
    finally:
        client.close()
    assert caught.value.status == 500
