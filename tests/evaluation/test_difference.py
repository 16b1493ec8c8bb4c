"""How two models differ on the same examples: every task's counts, the paired interval, and the command."""

import importlib
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

import zoo
from zoo.errors import InputError
from zoo.evaluation.measure import evaluate, held_against
from zoo.metrics.intervals import Counts, difference, interval
from zoo.preprocessing.arrays import IdsPreprocessor, NumbersPreprocessor
from zoo.preprocessing.sequence_to_sequence import SequenceToSequencePreprocessor
from zoo.preprocessing.symbols import SymbolTokenizer
from zoo.tasks import TASKS, find_task

# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main
main_score = importlib.import_module("zoo.cli.show").main_score


def phones(*texts):
    letters = SymbolTokenizer.fit(["ab"], separator="")
    return SequenceToSequencePreprocessor(letters, SymbolTokenizer.fit(texts, separator=" "), 4, 4)


STRESSED = phones("AH0 B", "AH1 B")
PLAIN = phones("a b", "a c")
LIKELY = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]]))
# Of each task a preprocessor, answers and right answers; and the metric that is shown first.
ANSWERS = {
    "sequence_to_sequence": ("wer", PLAIN, ["a b", "a c", "a"], [["a b"], ["a b", "a c"], ["a b"]]),
    "translation": ("bleu", None, ["Ein Hund rennt.", "a", ""], ["Ein Hund rennt schnell.", "a b", "c"]),
    "sequence_to_sequence, stressed": ("wer_no_stress", STRESSED, ["AH0 B", "B"], [["AH1 B"], ["AH0 B"]]),
    "classification": ("accuracy", None, ["x", {"x": 0.4, "y": 0.6}, "y"], ["x", "y", "x"]),
    "series_classification": ("accuracy", None, ["x", "y"], ["x", "x"]),
    "tagging": ("slot_f1", None, ["B-a O\tp", "B-a I-a\tq", "O O\tp"], ["B-a O\tp", "B-a O\tq", "B-b O\tp"]),
    "language_modelling": ("bpc", None, [{"nats": [3.0, 1.5], "characters": [2, 1]}], [""]),
    "music_modelling": ("nll", None, [{"nats": 9.0, "frames": 3}, {"nats": 5.0, "frames": 2}], ["", ""]),
    "regression": ("mse", NumbersPreprocessor(2), [0.5, 1.0], [1.0, 1.0]),
    "text_regression": ("mae", None, [0.5, 1.0], ["1.0", "3"]),
    "series_regression": ("mae", None, [0.5, 1.0], ["1.0", "3"]),
    "forecasting": ("wql", None, [np.array([[1.0] * 9, [2.0] * 9]), np.ones((1, 9))], [[1.5, 2.0], [4.0]]),
    "copying": ("step_loss", IdsPreprocessor(3), [LIKELY, LIKELY], [[0, 2, 1], [1, 1, 0]]),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_the_counts_of_a_task_are_its_main_score(case):
    name, preprocessor, outputs, references = ANSWERS[case]
    task = find_task(case.partition(",")[0])
    counts = task.metric_counts(preprocessor, outputs, references)
    assert counts.name == name and len(counts.values) >= len(outputs)
    values = task.score(preprocessor, outputs, references)
    assert main_score(values) == name  # the tables put the difference beside that one
    assert interval(counts).value == pytest.approx(values[name].value)


def test_every_task_is_among_them():
    assert {case.partition(",")[0] for case in ANSWERS} == set(TASKS)


def test_the_interval_of_a_difference_is_that_of_the_pairs():
    """For accuracies the standard error is that of the mean of the pairs' differences: McNemar's."""
    draw = np.random.default_rng(0)
    hard = draw.random(2_000) < 0.2  # wrong in both
    ones = np.ones(len(hard))
    first, second = (~hard & (draw.random(len(hard)) > share) for share in (0.02, 0.05))
    result = difference(Counts("accuracy", first, ones), Counts("accuracy", second, ones))
    pairs = first.astype(float) - second
    error = pairs.std() / math.sqrt(len(pairs))
    assert result.value == pytest.approx(pairs.mean())
    assert result.low == pytest.approx(pairs.mean() - 1.96 * error, abs=0.25 * error)
    assert result.high == pytest.approx(pairs.mean() + 1.96 * error, abs=0.25 * error)
    apart = math.sqrt((first.var() + second.var()) / len(hard))
    assert result.high - result.low < 0.6 * 2 * 1.96 * apart
    turned = difference(Counts("accuracy", second, ones), Counts("accuracy", first, ones))
    assert turned.value == -result.value


def test_a_ratio_is_that_of_the_sums_and_not_the_mean_of_ratios():
    ours = Counts("slot_f1", np.array([2, 0, 4]), np.array([2, 4, 6]))
    others = Counts("slot_f1", np.array([0, 2, 4]), np.array([1, 3, 4]))
    assert difference(ours, others).value == pytest.approx(6 / 12 - 6 / 8)


def test_only_the_same_metric_of_the_same_examples():
    two, three = (Counts("wer", np.ones(n), np.ones(n)) for n in (2, 3))
    for others in (three, Counts("accuracy", np.ones(2), np.ones(2))):
        with pytest.raises(InputError, match="only the same metric of the same examples"):
            difference(two, others)
    same = difference(two, two)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def words(folder):
    file = folder / "words.csv"
    rows = ["phoneme,F OW1 N IY0 M", "zoo,Z UW1", "model,M AA1 D AH0 L", "gauss,G AW1 S", "colonel,K ER1 N AH0 L"]
    file.write_text("word,phones\n" + "\n".join(rows) + "\n", "utf-8")
    return file


def test_evaluate_against_other_models(tmp_path):
    columns = ["--input", "word", "--target", "phones"]
    arguments = ["evaluate", "gru_small.cmudict", str(words(tmp_path)), *columns]
    both = ["--against", "rnn_small.cmudict", "--against", "lstm_small.cmudict"]
    result = CliRunner().invoke(main, [*arguments, *both, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [other["model"] for other in found["against"]] == ["rnn_small.cmudict", "lstm_small.cmudict"]
    for other in found["against"]:
        metric = other["metric"]
        assert metric == "wer_no_stress"
        less = found["values"][metric]["value"] - other["values"][metric]["value"]
        assert other["difference"]["value"] == pytest.approx(less)
        assert other["difference"]["low"] <= less <= other["difference"]["high"]
    result = CliRunner().invoke(main, [*arguments, *both[:2]])
    assert "rnn_small.cmudict (95 % interval)" in result.stdout
    assert "gru_small.cmudict minus rnn_small.cmudict on the same inputs: WER, no stress " in result.stdout
    result = CliRunner().invoke(main, [*arguments, "--against", "lstm_small.snips"])
    assert result.exit_code == 2
    differs = "task tagging differs from gru_small.cmudict's sequence_to_sequence"
    assert f"--against lstm_small.snips: {differs}" in result.output
    result = CliRunner().invoke(main, [*arguments, "--against", "lstm_small.cmudic"])
    assert result.exit_code == 2 and "lstm_small.cmudict" in result.output


def test_reports_are_of_the_same_inputs(tmp_path):
    model = zoo.load("rnn_small.cmudict")
    columns = {"input": "word", "target": "phones"}
    whole, part = (evaluate(model, words(tmp_path), limit=limit, **columns) for limit in (None, 3))
    assert held_against(model, whole, model, whole)[1].value == 0
    with pytest.raises(InputError, match="reports differ in their inputs"):
        held_against(model, whole, model, part)
    with pytest.raises(InputError, match="classification and sequence_to_sequence"):
        held_against(model, whole, zoo.load("rnn_small.film_reviews"), whole)
