"""The page in a browser: its answers are those of ``zoo predict``; and what it refuses is one line."""

import base64
import importlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Browser, static_server
from click.testing import CliRunner
from samples import sounds, write_wav

from zoo.checkpoints import locate
from zoo.errors import InputError
from zoo.export import cache, demo

main = importlib.import_module("zoo.cli.main").main
MODELS = (
    "lstm_tiny.cmudict",
    "hierarchical_attention_network_small.film_reviews",
    "lstm_small.snips",
    "gru_small.italy_power_demand",
    "gru_small.fsdd",
    "tcn_small.fsdd",
    "gru_small.tiny_shakespeare",
    "lstm_small.tiny_shakespeare",
    "gru_small.jsb_chorales",
    "tcn_small.forecasting",
    "lstm_small.forecasting",
)
INPUTS = {
    "sequence_to_sequence": ["culurciello", "Zoo"],
    "classification": [
        "The plot makes no sense. But the acting is lovely!",
        "A film, <br />of (1994)... It's dull; naïve!",
    ],
    "tagging": ["play the latest album by björk", "book a table for 2 in Rome!"],
    "series_classification": ["0.5,1.5,-1,2,0.25,-0.75,1"],
}


def runtime_folder(folder: Path) -> Path:
    """Returns a folder with files of the names that the page loads."""
    folder.mkdir()
    for file in demo.RUNTIME_FILES:
        (folder / file).write_text("made up")
    return folder


def test_the_command_writes_one_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runtime = runtime_folder(tmp_path / "dist")
    command = ["demo", "page", "lstm_tiny.cmudict", "gru_small.italy_power_demand", "--runtime", str(runtime)]
    for _ in range(2):  # it replaces its own folder
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0 and "python -m http.server" in result.stdout
    page = tmp_path / "page"
    files = {str(path.relative_to(page)) for path in page.rglob("*") if path.is_file()}
    assert files >= {
        "index.html",
        "app.js",
        "models.json",
        "models/lstm_tiny.cmudict/encoder.onnx",
        *demo.RUNTIME_FILES,
    }
    assert "models/lstm_tiny.cmudict/model.onnx" not in files
    models = json.loads((page / "models.json").read_text())
    assert [model["name"] for model in models] == command[2:4]
    # Nothing is loaded from another host.
    for file in sorted(path.name for path in demo.PAGE.iterdir()):
        assert "http" not in (page / file).read_text("utf-8")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["page", "gru_smal.cmudict"], "nearest"),
        (["page", "gru_tiny.adding_t200"], "the page does not support regression"),
        (["page", "lstm_tiny.cmudict", "--runtime", "."], "--runtime"),
        (["mine", "lstm_tiny.cmudict"], "holds other files"),
    ],
)
def test_what_cannot_be_shown_is_one_line(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine", "mine.txt").write_text("")
    result = CliRunner().invoke(main, ["demo", *arguments])
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1 and words in result.stderr
    assert os.listdir() == ["mine"]


def test_without_npm_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(InputError, match="npm install onnxruntime-web"):
        demo.write_demo("page", ["lstm_tiny.cmudict"])


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "page"
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    try:
        demo.write_demo(folder, MODELS)
    except InputError as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture(params=[1_000, 390], ids=["desktop", "phone"])
def browser(request, page, tmp_path):
    with static_server(page) as address:
        browser = Browser(tmp_path / "profile", request.param)
        try:
            browser.open(address)
            browser.wait("document.querySelectorAll('section').length > 0")
            yield browser
        finally:
            browser.close()


def answers(browser, section: str, value: str) -> dict[str, str]:
    """Returns the answers of a section's models to an input, an expression in JavaScript."""
    browser.run(f"document.getElementById({section!r}).answerAll({value})")
    shown = f"[...document.querySelectorAll('#{section} .answer')].map(x => [x.dataset.model, x.textContent])"
    return dict(browser.run(shown))


@pytest.mark.slow
def test_answers_on_the_page_are_those_of_predict(browser, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    predictors = {name: cache.load_predictor(name) for name in MODELS}
    for section, values in INPUTS.items():
        for value in values:
            for name, answer in answers(browser, section, json.dumps(value)).items():
                assert [answer] == predictors[name].predict([value]), (name, value)
    file = tmp_path / "tone.wav"
    write_wav(file, sounds(1).inputs[0].samples)
    data = base64.b64encode(file.read_bytes()).decode()
    sound = f"Uint8Array.from(atob('{data}'), (c) => c.charCodeAt(0)).buffer"
    for name, answer in answers(browser, "sound", sound).items():
        assert [answer] == predictors[name].predict([str(file)]), name
    browser.run("window.zooSettings = { temperature: 0, length: 5 }")
    for name, answer in answers(browser, "language_modelling", "'ROMEO:'").items():
        expected = "ROMEO:"
        for _ in range(5):
            expected += predictors[name].predict([expected])[0]
        assert answer == expected
    piece = locate.read_record("gru_small.jsb_chorales").golden["inputs"][0]
    for name, answer in answers(browser, "music_modelling", json.dumps(json.dumps(piece))).items():
        for frame in json.loads(answer)[:3]:
            assert predictors[name].predict([piece]) == [frame]
            piece.append(frame)
    assert "give frames" in answers(browser, "music_modelling", "'[[200]]'")["gru_small.jsb_chorales"]
    generator = np.random.default_rng(0)
    season = 40 + 9 * np.sin(np.arange(300) * np.pi / 6) + generator.normal(0, 1, 300).cumsum()
    season[[50, 51, 200]] = np.nan
    for series in (season, generator.poisson(2, 30).astype(float), np.array([3.0, 5, 4]), np.full(20, 7.0)):
        text = "\n".join("" if np.isnan(value) else repr(float(value)) for value in series)
        for name, answer in answers(browser, "forecasting", json.dumps(text)).items():
            expected = predictors[name].predict([series])[0][:, 4]
            result = [float(value) for value in answer.split(", ")]
            np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4 * np.nanmax(np.abs(series)))
    assert "value 2: x: give a number" in answers(browser, "forecasting", "'1 x'")["tcn_small.forecasting"]
    wrong = answers(browser, "sequence_to_sequence", "'c4t'")
    assert "4: unknown to this model" in wrong["lstm_tiny.cmudict"]
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
