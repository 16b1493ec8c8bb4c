"""The server: nothing lost, nothing mixed up, and one line for what cannot be answered."""

import asyncio
import base64
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import wave

import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from zoo.errors import InputError
from zoo.export import cache
from zoo.export.server import Limits, create_app

main = importlib.import_module("zoo.cli.main").main
NAME = "gru_small.italy_power_demand"
G2P = "lstm_tiny.cmudict"


@pytest.fixture(scope="module")
def predictors(tmp_path_factory):
    before = os.environ.get("ZOO_CACHE")
    os.environ["ZOO_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield {name: cache.load_predictor(name) for name in (NAME, G2P, "gru_small.fsdd")}
    os.environ.pop("ZOO_CACHE")
    if before:
        os.environ["ZOO_CACHE"] = before


def client(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://zoo")


def posts(app, requests):
    """Returns the answers to requests, all sent at once: pairs of a model's name and a body."""

    async def send():
        async with client(app) as one:
            return await asyncio.gather(
                *(one.post(f"/v1/models/{name}:predict", content=body) for name, body in requests)
            )

    return asyncio.run(send())


def body(instances, **parameters) -> str:
    return json.dumps({"instances": instances, **({"parameters": parameters} if parameters else {})})


def test_answers_of_64_clients_are_their_own(predictors):
    words = ["cat", "dog", "rhythm", "keras", "sequence", "zoo", "phoneme", "attention"]
    sent = [(G2P, body([words[i % 8], words[(i // 8) % 8]], beam_size=1 + i % 2)) for i in range(64)]
    sent += [(NAME, body([",".join(str((i * k) % 11) for k in range(24))])) for i in range(64)]
    expected = {beam: dict(zip(words, predictors[G2P].predict(words, beam_size=beam), strict=True)) for beam in (1, 2)}
    result = posts(create_app(predictors), sent)
    for i, answer in enumerate(result[:64]):
        right = [expected[1 + i % 2][words[i % 8]], expected[1 + i % 2][words[(i // 8) % 8]]]
        assert answer.status_code == 200 and answer.json() == {"predictions": right}
    series = [json.loads(text)["instances"][0] for _, text in sent[64:]]
    assert [answer.json()["predictions"][0] for answer in result[64:]] == predictors[NAME].predict(series)


def test_a_forecaster_answers_with_quantiles():
    name, series = "tcn_small.forecasting", [[1, 2, None, 4, 5, 6, 7, 8.5], list(range(40))]
    predictor = cache.load_predictor(name)
    app = create_app({name: predictor})
    bad = [body(series, horizon=0), body(series, periods=0), body([[None]]), body(["text"]), body(series, periods=[1])]
    good, *refused = posts(app, [(name, text) for text in (body(series, horizon=3, periods=4), *bad)])
    assert good.status_code == 200
    expected = predictor.predict(series, horizon=3, periods=4)
    np.testing.assert_allclose(good.json()["predictions"], expected, rtol=1e-6)
    assert [answer.status_code for answer in refused] == [400] * 5


def test_requests_that_come_together_are_one_batch(predictors):
    app = create_app({NAME: predictors[NAME]}, Limits(wait=0.1))
    assert all(x.status_code == 200 for x in posts(app, [(NAME, body(["1,2,3"]))] * 10))

    async def read():
        async with client(app) as one:
            return [await one.get(path) for path in ("/metrics", "/healthz", f"/v1/models/{NAME}", "/v1/models/other")]

    metrics, health, status, other = asyncio.run(read())
    assert f'zoo_requests_total{{model="{NAME}",code="200"}} 10' in metrics.text
    assert f'zoo_inputs_total{{model="{NAME}"}} 10' in metrics.text
    assert f'zoo_batches_total{{model="{NAME}"}} 1\n' in metrics.text
    assert health.text == "ok" and status.json()["model_version_status"][0]["state"] == "AVAILABLE"
    assert other.status_code == 404


BAD = [
    ("", "JSON"),
    ("[" * 100_000, "JSON"),
    ("[]", "instances"),
    ('{"instances": []}', "at least one"),
    ('{"instances": ["1,2"], "other": 1}', "unknown key"),
    (body(["1,x"]), "instances[0]"),
    (body(["1,2", None]), "instances[1]"),
    (body([{"a": 1}]), "instances[0]"),
    ('{"instances": [[NaN]]}', "instances[0]"),
    (body(["1"] * 2_000), "at most 1,024"),
    (body(["1,2"], probabilities=1), "parameters.probabilities"),
    (body(["1,2"], beam_size=3), "parameters.beam_size"),
]


@pytest.mark.parametrize("text, words", BAD, ids=range(len(BAD)))
def test_bad_requests_are_one_line(text, words, predictors):
    (answer,) = posts(create_app(predictors), [(NAME, text)])
    assert answer.status_code == 400 and words in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_limits(predictors):
    app = create_app(predictors, Limits(body=1_000, queue=4, wait=0.2))
    assert posts(app, [(NAME, body(["1," * 1_000 + "1"]))])[0].status_code == 413
    assert posts(app, [("none", body(["1"]))])[0].status_code == 404
    codes = [
        answer.status_code
        for answer in posts(create_app(predictors, Limits(queue=4, wait=0.2)), [(NAME, body(["1"]))] * 9)
    ]
    assert sorted(codes) == [200] * 4 + [503] * 5
    slow = create_app(predictors, Limits(seconds=0.05, wait=0.5))
    assert posts(slow, [(NAME, body(["1,2"]))])[0].status_code == 504


def test_a_path_of_the_server_is_no_input(predictors, tmp_path):
    file = tmp_path / "sound.wav"
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, 8_000, 0, "NONE", ""))
        sound.writeframes((8_000 * np.sin(np.arange(4_000) / 5)).astype("<i2").tobytes())
    encoded = {"b64": base64.b64encode(file.read_bytes()).decode()}
    sent = [str(file), encoded, {"b64": "?"}, {"b64": base64.b64encode(b"none").decode()}]
    result = posts(create_app(predictors), [("gru_small.fsdd", body([value])) for value in sent])
    assert [answer.status_code for answer in result] == [400, 200, 400, 400]
    assert result[1].json()["predictions"] == predictors["gru_small.fsdd"].predict([str(file)])
    assert str(tmp_path) not in result[3].text and "/tmp" not in result[3].text


def malformed(count: int, generator: random.Random):
    """Yield bodies that are damaged in one place or another."""
    whole = body(["1,2,3", "4,5,6"], probabilities=True).encode()
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(generator.randrange(1, 9)):
            place = generator.randrange(len(data))
            data[place : place + generator.randrange(4)] = generator.randbytes(generator.randrange(4))
        yield bytes(data)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_malformed_requests_give_no_error_of_the_server(count, predictors, capfd):
    app, bodies = create_app(predictors), list(malformed(count, random.Random(0)))
    codes = set()
    for start in range(0, count, 100):
        codes |= {answer.status_code for answer in posts(app, [(NAME, x) for x in bodies[start : start + 100]])}
        app = create_app(predictors)
    assert codes <= {200, 400} and 400 in codes
    assert "Traceback" not in capfd.readouterr().err


def test_a_real_server_answers_and_ends_at_a_signal(tmp_path):
    code = "import importlib; importlib.import_module('zoo.cli.main').main()"
    command = [sys.executable, "-c", code, "serve", NAME, "--port", "0"]
    environment = {**os.environ, "ZOO_CACHE": str(tmp_path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        address = server.stderr.readline().rstrip().rpartition(" ")[2]
        for _ in range(100):
            try:
                assert httpx.get(f"{address}/healthz", trust_env=False).text == "ok"
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        answer = httpx.post(f"{address}/v1/models/{NAME}:predict", content=body(["1,2,3"]), trust_env=False)
        assert answer.status_code == 200
        server.send_signal(signal.SIGTERM)
        assert "Traceback" not in server.stderr.read()
        assert server.wait(20) in (0, -signal.SIGTERM)


def test_what_cannot_be_served_is_one_line(monkeypatch):
    result = CliRunner().invoke(main, ["serve", "gru_smal.cmudict"])
    assert result.exit_code == 2 and "nearest" in result.stderr
    result = CliRunner().invoke(main, ["serve", NAME, "--host", "203.0.113.1"])
    assert result.exit_code == 4 and "203.0.113.1" in result.stderr
    monkeypatch.setattr(cache, "is_installed", lambda others=(): False)
    result = CliRunner().invoke(main, ["serve", NAME])
    assert result.exit_code == 2 and "seqzoo[serve]" in result.stderr
    assert InputError.exit_code == 2
