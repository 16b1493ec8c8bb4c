"""``zoo embed``: vectors of texts, in their order, and what is refused."""

import numpy as np
import pytest
from click.testing import CliRunner
from zoo.cli.main import main  # pyright: ignore[reportMissingImports]

from zoo.loading import load

NAME = "tcn_small.film_reviews"


def run(*arguments):
    return CliRunner().invoke(main, ["embed", *map(str, arguments)])


def test_vectors_are_those_of_the_pipeline_in_the_order_of_the_rows(tmp_path):
    texts = ["a good film", "a very long and rather dull film about nothing at all", "good"]
    file, table, output = tmp_path / "texts.txt", tmp_path / "texts.csv", tmp_path / "vectors.npy"
    file.write_text("\n".join(texts) + "\n")
    table.write_text("id,review\n" + "".join(f"{i},{text}\n" for i, text in enumerate(texts)))
    pipeline = load(NAME)
    expected = pipeline.embed(texts)
    assert expected.shape == (3, 3 * pipeline.model.backbone.hidden_dim) and expected.dtype == np.float32
    np.testing.assert_allclose(pipeline.embed(texts[2]), expected[2:], atol=1e-5)
    for arguments in ((*texts,), ("--file", file), ("--file", table, "--input", "review")):
        result = run(NAME, *arguments, "--output", output)
        assert result.exit_code == 0, result.output
        np.testing.assert_allclose(np.load(output), expected, atol=1e-6)
        output.unlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "one of them"),
        (("a", "--file", "x.txt"), "one of them"),
        (("--file", "texts.csv"), "--input COLUMN"),
        (("--file", "texts.txt", "--input", "a"), "needs a table"),
        (("--file", "none.txt"), "none.txt"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.csv").write_text("a\nx\n")
    (tmp_path / "texts.txt").write_text("x\n")
    result = run(NAME, *arguments, "--output", "out.npy")
    assert result.exit_code == 2 and message in result.stderr and len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out.npy").exists()
    assert "unknown format: use .npy" in run(NAME, "a", "--output", "out.txt").stderr
