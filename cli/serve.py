"""``zoo serve``: predictions over HTTP."""

import click

from zoo.errors import InputError, StorageError

from .commands import _example
from .output import note


@click.command(epilog=_example("zoo serve gru_small.cmudict lstm_small.snips --port 8501"))
@click.argument("names", nargs=-1, required=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; the default is this machine alone.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8501, show_default=True, help="Port.")
@click.option("--max-body", type=click.IntRange(1), default=1_000_000, show_default=True, help="Bytes of a request.")
@click.option("--max-queue", type=click.IntRange(1), default=256, show_default=True, help="Requests that may wait.")
@click.option("--timeout", type=click.FloatRange(0.01), default=10.0, show_default=True, help="Seconds per request.")
@click.option("--max-batch", type=click.IntRange(1), default=64, show_default=True, help="Inputs per batch.")
def serve(names: tuple[str, ...], host: str, port: int, max_body: int, max_queue: int, timeout: float, max_batch: int):
    """Serve the checkpoints NAMES over HTTP, as TensorFlow Serving's REST interface: POST /v1/models/NAME:predict.

    The body is {"instances": [...]}, the answer {"predictions": [...]}. /healthz says ok, /metrics has counts for
    Prometheus. Ctrl-C or SIGTERM ends the server once the requests at work are answered.
    """
    from zoo.export import cache

    if not cache.is_installed(("starlette", "uvicorn")):
        raise InputError('zoo serve: not installed: pip install "seqzoo[serve]"')
    import socket

    import uvicorn

    from zoo.export.server import Limits, create_app

    predictors = {name: cache.load_predictor(name) for name in names}
    limits = Limits(body=max_body, queue=max_queue, seconds=timeout, batch=max_batch)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Name the protocol, because otherwise asyncio delays small responses until acknowledgements.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host, port))
            opened.listen(2_048)  # connections from now on are answered
        except OSError as error:
            raise StorageError(f"{host}:{port}: {error.strerror or error}: choose another --port or --host") from None
        address = opened.getsockname()
        note(f"serving {', '.join(names)} on http://{address[0]}:{address[1]}")
        config = uvicorn.Config(
            create_app(predictors, limits),
            log_config=None,  # the zoo prints its own lines, and logging of the process stays as it is
            access_log=False,
            timeout_graceful_shutdown=int(timeout) + 1,
        )
        uvicorn.Server(config).run([opened])
