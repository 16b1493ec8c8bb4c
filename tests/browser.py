"""A headless Chromium, driven through pipes by its debugging protocol, and a static server beside it."""

import base64
import contextlib
import functools
import http.server
import itertools
import json
import os
import select
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def static_server(folder: Path):
    """Serves a folder as ``python -m http.server`` does; yields its address."""
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


class Browser:
    """One page. Every request but those of the static server would fail: there is no proxy and no network.

    Args:
        profile: An empty folder.
        width: Width of the page in pixels.
    """

    def __init__(self, profile: Path, width: int = 1_000):
        to_read, self.to_write = os.pipe()
        self.to_read, to_write = os.pipe()
        command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        command += [f"--user-data-dir={profile}", f"--window-size={width},1400", "--no-first-run", "about:blank"]
        # The protocol is read from descriptor 3 and written to 4.
        script = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        self.process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command], pass_fds=(to_read, to_write), stderr=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(to_write)
        self.numbers, self.waiting, self.session = itertools.count(1), b"", None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=1_400, deviceScaleFactor=1, mobile=False)

    def call(self, method: str, seconds: float = 120, **parameters: Any) -> dict[str, Any]:
        number = next(self.numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while b"\0" in self.waiting:
                text, _, self.waiting = self.waiting.partition(b"\0")
                result = json.loads(text)
                if result.get("id") == number:
                    assert "error" not in result, result
                    return result["result"]
            if select.select([self.to_read], [], [], 1)[0]:
                self.waiting += os.read(self.to_read, 1 << 16)
        raise TimeoutError(method)

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)

    def run(self, code: str, seconds: float = 120) -> Any:
        """Returns the value of an expression; a promise is awaited."""
        result = self.call("Runtime.evaluate", seconds, expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, code: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not self.run(code):
            assert time.monotonic() < end, code
            time.sleep(0.1)

    def picture(self, file: Path) -> None:
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        file.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.call("Browser.close", 5)
        self.process.kill()
        self.process.wait()
