import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from zoo.errors import InputError
from zoo.metrics.edits import sequence_to_sequence_metrics, strip_stress
from zoo.metrics.intervals import mean_per_step, ratio
from zoo.metrics.labels import classification_metrics, tagging_metrics


def words(*texts):
    return [text.split() for text in texts]


def edit_distance(a, b):
    """The table of Wagner and Fischer (1974)."""
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    table[:, 0] = range(len(a) + 1)
    table[0, :] = range(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            replaced = table[i - 1, j - 1] + (a[i - 1] != b[j - 1])
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, replaced)
    return table[-1, -1]


def test_rates_of_a_small_example_by_hand():
    hypotheses = words("F OW1 N", "Z UW0", "K AE1 T S")
    references = [words("F OW1 N"), words("Z UW1", "Z OW1 AH0"), words("D AO1 G", "K AE1 T")]
    rates = sequence_to_sequence_metrics(hypotheses, references, stress=True)
    assert rates["wer"].value == pytest.approx(2 / 3)
    assert rates["per"].value == pytest.approx((0 + 1 + 1) / (3 + 2 + 3))
    assert rates["wer_no_stress"].value == pytest.approx(1 / 3)
    assert rates["per_no_stress"].value == pytest.approx((0 + 0 + 1) / (3 + 2 + 3))


def test_phones_without_stress_have_two_rates_only():
    assert set(sequence_to_sequence_metrics(words("a"), [words("a")], stress=False)) == {"wer", "per"}


def test_of_two_equally_close_references_the_first_counts():
    rates = sequence_to_sequence_metrics(words("A B"), [words("A B C", "A")], stress=False)
    assert rates["per"].value == pytest.approx(1 / 3)


def test_an_empty_hypothesis_misses_every_phone():
    rates = sequence_to_sequence_metrics([[]], [words("A B")], stress=False)
    assert (rates["wer"].value, rates["per"].value) == (1.0, 1.0)


def test_strip_stress_takes_digits_away_and_nothing_else():
    assert strip_stress(["AH0", "N", "ER1"]) == ["AH", "N", "ER"]


phones = st.lists(st.sampled_from("ABC"), max_size=6)
references = st.lists(phones.filter(bool), min_size=1, max_size=3)


@given(st.lists(st.tuples(phones, references), min_size=1, max_size=6))
def test_rates_equal_those_of_the_wagner_fischer_table(pairs):
    closest = [min(((edit_distance(h, r), len(r)) for r in rs), key=lambda pair: pair[0]) for h, rs in pairs]
    rates = sequence_to_sequence_metrics([h for h, _ in pairs], [rs for _, rs in pairs], stress=False)
    assert rates["wer"].value == pytest.approx(np.mean([h not in rs for h, rs in pairs]))
    assert rates["per"].value == pytest.approx(sum(d for d, _ in closest) / sum(n for _, n in closest))
    assert all(rate.low <= rate.value <= rate.high for rate in rates.values())


def test_the_interval_is_the_binomial_one_for_the_word_error_rate():
    count, wrong = 2000, 400
    hypotheses = words("X") * wrong + words("A") * (count - wrong)
    rate = sequence_to_sequence_metrics(hypotheses, [words("A")] * count, stress=False)["wer"]
    half_width = 1.96 * np.sqrt(0.2 * 0.8 / count)
    assert rate.value == pytest.approx(0.2)
    assert rate.low == pytest.approx(0.2 - half_width, abs=0.1 * half_width)
    assert rate.high == pytest.approx(0.2 + half_width, abs=0.1 * half_width)


@pytest.mark.parametrize("prediction", ["yes", "no"])
def test_where_all_are_right_or_all_wrong_the_interval_is_the_exact_one(prediction):
    accuracy = classification_metrics([prediction] * 90, ["yes"] * 90)["accuracy"]
    exact = scipy.stats.binomtest(90 * (prediction == "yes"), 90).proportion_ci(0.95, method="exact")
    assert accuracy.value == (prediction == "yes")
    assert (accuracy.low, accuracy.high) == pytest.approx((exact.low, exact.high))


def test_no_score_of_what_is_all_right_is_without_doubt():
    exact = scipy.stats.binomtest(40, 40).proportion_ci(0.95, method="exact").low
    words = sequence_to_sequence_metrics([["A", "B"]] * 40, [[["A", "B"]]] * 40, stress=False)
    tagged = tagging_metrics(["B-x I-x"] * 40 + ["O O"] * 10, ["B-x I-x"] * 40 + ["O O"] * 10)
    labelled = classification_metrics(["no", "yes"] * 20, ["no", "yes"] * 20)
    recalled = ratio(np.full(40, 10), np.full(40, 10))
    for interval in (tagged["slot_f1"], labelled["macro_f1"], labelled["accuracy"], recalled):
        assert (interval.value, interval.low, interval.high) == (1, pytest.approx(exact), 1)
    for interval in (words["wer"], words["per"]):
        assert (interval.value, interval.low, interval.high) == (0, 0, pytest.approx(1 - exact))
    nothing = tagging_metrics(["O O"] * 9, ["O O"] * 9)["slot_f1"]
    assert (nothing.low, nothing.high) == (0, 0), "there is no span to find"
    exact_answers = mean_per_step([0.0] * 40, [1] * 40)
    assert exact_answers.high == 0, "a loss has no share of right ones"


def test_the_interval_of_the_phoneme_error_rate_resamples_words_not_phones():
    rng = np.random.default_rng(3)
    lengths = rng.integers(1, 12, 1500)
    wrong = rng.random(1500) < 0.3  # a word is right as a whole or wrong in every phone
    hypotheses = [["X"] * n if w else ["A"] * n for n, w in zip(lengths, wrong, strict=True)]
    rate = sequence_to_sequence_metrics(hypotheses, [[["A"] * n] for n in lengths], stress=False)["per"]
    # The delta method's standard error of a ratio of means.
    residuals = lengths * wrong - rate.value * lengths
    half_width = 1.96 * residuals.std() / np.sqrt(1500) / lengths.mean()
    assert (rate.high - rate.low) / 2 == pytest.approx(half_width, rel=0.1)


def test_the_interval_is_the_same_each_time():
    hypotheses, expected = words("A", "B", "C D"), [words("A"), words("C"), words("C D E")]
    first = sequence_to_sequence_metrics(hypotheses, expected, stress=False)
    assert first == sequence_to_sequence_metrics(hypotheses, expected, stress=False)


@pytest.mark.parametrize(
    ("hypotheses", "expected", "message"),
    [
        ([], [], "no words"),
        (words("A"), [], "1 hypotheses for 0 words"),
        (words("A", "B"), [words("A"), []], "word 2: a reference is missing"),
        (words("A"), [[[]]], "word 1: a reference is missing or empty"),
        (["A B"], [words("A B")], "word 1: phones are one string"),
        (words("A B"), [["A B"]], "word 1: phones are one string"),
    ],
)
def test_bad_input_is_one_clear_line(hypotheses, expected, message):
    with pytest.raises(InputError, match=message):
        sequence_to_sequence_metrics(hypotheses, expected, stress=False)
