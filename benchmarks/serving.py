"""Throughput and latency of ``zoo serve`` with 1 and with 64 clients, in one run.

Usage: python benchmarks/serving.py [NAME] [INPUT] [REQUESTS]. Prints the table of docs/guide/serving.md. Without an
input the clients send different words: of equal words in one batch only one is computed.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import time

import numpy as np

STEMS = (("over", "under", "inter", "re", "un", "out", "fore", "mis"), ("take", "port", "act", "cast", "line", "view"))
WORDS = ["".join(parts) for parts in itertools.product(*STEMS)]


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    """Send a request and read its response. Plain sockets are faster than a client library."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert head.startswith("http/1.1 200"), head
    length = next(line for line in head.splitlines() if line.startswith("content-length:"))
    await reader.readexactly(int(length.partition(":")[2]))


async def measure(port: int, name: str, values: list[str], clients: int, count: int) -> tuple[float, np.ndarray]:
    """Returns requests per second, and the seconds of each."""
    seconds = []

    def request(value: str) -> bytes:
        body = json.dumps({"instances": [value]})
        head = f"POST /v1/models/{name}:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        return (head + body).encode()

    async def work(client: int, requests: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for i in range(requests):
            started = time.perf_counter()
            await ask(reader, writer, request(values[(client + i) % len(values)]))
            seconds.append(time.perf_counter() - started)
        writer.close()

    await work(0, 3)
    seconds.clear()
    started = time.perf_counter()
    await asyncio.gather(*(work(client, count // clients) for client in range(clients)))
    return len(seconds) / (time.perf_counter() - started), np.array(seconds)


def main(name: str = "gru_small.cmudict", value: str = "", count: str = "640") -> None:
    """Start a server and print the table."""
    values = [value] if value else WORDS
    code = "import importlib; importlib.import_module('zoo.cli.main').main()"
    command = [sys.executable, "-c", code, "serve", name, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        port = int(server.stderr.readline().rstrip().rpartition(":")[2])
        print("| clients | requests per second | median ms | p99 ms |\n|---:|---:|---:|---:|")
        try:
            for clients in (1, 64):
                rate, seconds = asyncio.run(measure(port, name, values, clients, int(count)))
                median, late = 1_000 * np.quantile(seconds, [0.5, 0.99])
                print(f"| {clients} | {rate:.0f} | {median:.1f} | {late:.1f} |", flush=True)
        finally:
            server.terminate()


if __name__ == "__main__":
    main(*sys.argv[1:])
