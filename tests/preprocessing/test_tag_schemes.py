"""Tags in other schemes become IOB2."""

import pytest

from zoo.data.examples import Examples
from zoo.errors import InputError
from zoo.preprocessing.tag_schemes import convert_to_iob2
from zoo.tasks import find_task

IOB2 = ["O", "B-city", "I-city", "B-city", "O", "B-day"]
WRITTEN = {
    "IOBES": "O B-city E-city S-city O S-day",
    "BILOU": "O B-city L-city U-city O U-day",
    "BMES": "O B-city E-city S-city O S-day",
    "IOB1": "O I-city I-city B-city O I-day",
    "b-kind": "o b-city i-city b-city o b-day",
    "B_kind": "O B_city I_city B_city O B_day",
    "kind-B": "O city-B city-I city-B O day-B",
    "kind_B": "O city_B city_I city_B O day_B",
    "B:kind": "O B:city I:city B:city O B:day",
}


@pytest.mark.parametrize("scheme", WRITTEN)
def test_a_scheme_is_recognised_converted_and_named(scheme):
    result, notes = convert_to_iob2([WRITTEN[scheme].split(), ["O"]])
    assert result == [IOB2, ["O"]] or (scheme == "kind_B" and result[0] == IOB2)
    assert len(notes) == 1 and notes[0].startswith("tags are read as IOB2; found: ")
    assert scheme in notes[0] or scheme == "BMES"


def test_letters_alone_are_spans_without_a_kind():
    assert convert_to_iob2([["B", "I", "O", "B"]])[0] == [["B-span", "I-span", "O", "B-span"]]


@pytest.mark.parametrize("tags", [IOB2, ["NN", "VB", "O"], ["NN-B", "VB"], ["B", "C"], ["O", "x_L"], ["O", "O"]])
def test_what_is_right_or_of_no_scheme_stays(tags):
    assert convert_to_iob2([tags]) == ([tags], [])


def test_tags_that_are_half_in_a_scheme_are_told():
    result, notes = convert_to_iob2([["O", "B-city", "city"]])
    assert result == [["O", "B-city", "city"]] and notes[0].endswith("each read as a separate class: 'city'")


def test_the_label_of_a_sentence_stays_and_rows_with_fewer_tags_than_words_are_refused():
    task = find_task("tagging")
    made = Examples(["fly to Rome now"] * 2, ["O O S-city O\tbook", "O O U-city\tbook"], ["a:1", "a:2"])
    read = task.standardize(made)
    assert read.targets == ["O O B-city O\tbook", "O O B-city\tbook"]
    preprocessor = task.fit(read, None)
    task.check_example(preprocessor, read.inputs[0], read.targets[0])
    with pytest.raises(InputError, match="4 words and 3 tags: give one tag per word"):
        task.check_example(preprocessor, read.inputs[1], read.targets[1])
