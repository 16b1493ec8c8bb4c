"""Tables to forecast: dates, frequencies and numbers are read in one way, or refused with their line."""

import re

import numpy as np
import pandas as pd
import pytest

from zoo.data.columns import Columns
from zoo.data.frequency import infer, named
from zoo.data.time_tables import read_series
from zoo.errors import InputError

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Write a table with the columns day, units and store, and read its series."""
    monkeypatch.chdir(tmp_path)

    def read(days, units=None, stores=None, time_format="", dialect=""):
        units = [str(i + 1) for i in range(len(days))] if units is None else units
        stores = [""] * len(days) if stores is None else stores
        rows = [f'{day},"{unit}",{store}' for day, unit, store in zip(days, units, stores, strict=True)]
        (tmp_path / "a.csv").write_text("\n".join(["day,units,store", *rows]) + "\n")
        columns = Columns(target="units", time="day", series="store" if any(stores) else "", dialect=dialect)
        return read_series("a.csv", columns, time_format)

    return read


@pytest.mark.parametrize(
    ("name", "period"),
    {
        "s": 60,
        "5s": 12,
        "min": 60,
        "15min": 96,
        "h": 24,
        "2h": 12,
        "D": 7,
        "2D": None,
        "B": 5,
        "W-SUN": 52,
        "MS": 12,
        "ME": 12,
        "QS": 4,
        "QE": 4,
        "YS": 1,
        "YE": 1,
    }.items(),
)
def test_the_frequency_and_the_dates_that_follow_are_those_of_pandas(name, period):
    dates = pd.date_range("2021-01-03", periods=40, freq=name)
    frequency = infer(dates.to_numpy().astype("datetime64[us]")[:30])
    assert frequency is not None and frequency.period == period
    ahead = frequency.after(dates.to_numpy().astype("datetime64[us]")[:30], 10)
    np.testing.assert_array_equal(ahead, dates.to_numpy().astype("datetime64[us]")[30:])
    assert named(frequency.name) == frequency


@pytest.mark.parametrize(
    ("days", "first", "frequency"),
    [
        (["20240101", "20240102"], "2024-01-01", "D"),
        (["202401", "202402", "202403"], "2024-01-01", "MS"),
        (["2024-01", "2024-02"], "2024-01-01", "MS"),
        (["2024Q1", "2024Q2"], "2024-01-01", "QS"),
        (["Q1 2024", "Q2 2024"], "2024-01-01", "QS"),
        (["2024-W01", "2024-W02"], "2024-01-01", "W-MON"),
        (["Jan 2024", "Feb 2024"], "2024-01-01", "MS"),
        (["3 Apr 2024", "4 April 2024"], "2024-04-03", "D"),
        (["Apr 3 2024", "Apr 4 2024"], "2024-04-03", "D"),
        (["2024/04/03 1:30 PM", "2024/04/03 2:30 PM"], "2024-04-03T13:30", "h"),
        (["31.12.2023", "01.01.2024"], "2023-12-31", "D"),
        (["12/31/2023", "01/01/2024"], "2023-12-31", "D"),
    ],
)
def test_formats_that_can_be_read_in_one_way(read, days, first, frequency):
    (series,), _ = read(days)
    assert (series.times[0], series.frequency) == (np.datetime64(first), frequency)


def test_numbers_count_steps(read):
    (series,), notes = read(["10", "20", "40"])
    assert series.times.tolist() == [10, 20, 30, 40] and series.frequency == "10"
    np.testing.assert_array_equal(series.values, [1, 2, np.nan, 3])
    assert notes == ["steps without a row: 1; they are read as missing values"]


def test_days_of_work_have_no_weekends(read):
    (series,), _ = read(["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"])
    assert (series.frequency, series.period, len(series.values)) == ("B", 5, 4)


@pytest.mark.parametrize(
    ("days", "first", "note"),
    [
        (["2024-03-31T00:00+02:00", "2024-03-31T01:00+02:00"], "2024-03-31", "the time zone UTC+02:00"),
        (["2024-03-30T00:00+01:00", "2024-03-31T00:00+01:00", "2024-04-01T00:00+02:00"], "2024-03-30", "local days"),
        (["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00"], "2024-03-31", "read as UTC"),
    ],
)
def test_time_zones_have_a_defined_result(read, days, first, note):
    (series,), notes = read(days)
    assert series.times[0] == np.datetime64(first) and not np.isnan(series.values).any()
    assert note in notes[0]


@pytest.mark.parametrize(
    ("units", "values", "note"),
    [
        (["1", "", "3", "4"], [1, np.nan, 3, 4], "missing values: 1 of 4"),
        (["1", "NA", "n/a", "4"], [1, np.nan, np.nan, 4], "such as 'NA', read as missing values: 2"),
        (["1,5", "2,25", "3", "4"], [1.5, 2.25, 3, 4], "decimal commas are read as points"),
        (["1.234,5", "2", "3", "4"], [1234.5, 2, 3, 4], "'.' separates thousands"),
        (["1,234.5", "2,000", "3", "4"], [1234.5, 2000, 3, 4], "',' separates thousands"),
        (["1 234", "2 000", "3", "4"], [1234, 2000, 3, 4], "' ' separates thousands"),
        (["1'234.50", "2", "3", "4"], [1234.5, 2, 3, 4], "separates thousands"),
        (["$1", "-$2", "3", "$4"], [1, -2, 3, 4], "the sign $ is left out"),
        (["1,50 €", "2 €", "3 €", "4 €"], [1.5, 2, 3, 4], "the sign € is left out"),
        (["\u22121", "2", "3", "4e1"], [-1, 2, 3, 40], None),
        (["0", "0", "0", "0"], [0, 0, 0, 0], "has only zeros"),
        (["1", "2", "3", ""], [1, 2, 3], "the forecast begins after the last value"),
        (["", "2", "3", "4"], [2, 3, 4], "missing values: 1 of 4"),
    ],
)
def test_numbers_as_spreadsheets_write_them(read, units, values, note):
    (series,), notes = read(DAYS, units)
    np.testing.assert_array_equal(series.values, values)
    assert not note or any(note in line for line in notes), notes


def test_an_option_decides_between_decimal_comma_and_thousands(read):
    assert read(DAYS[:2], ["1,500", "2,000"], dialect="decimal=,")[0][0].values[0] == 1.5
    assert read(DAYS[:2], ["1,500", "2,000"], dialect="decimal=.")[0][0].values[0] == 1500


def test_rows_out_of_order_are_sorted_with_a_note(read):
    (series,), notes = read([DAYS[1], DAYS[0], DAYS[3]])
    np.testing.assert_array_equal(series.values, [2, 1, np.nan, 3])
    assert notes == [
        "the rows are not in the order of time: they are sorted by column 'day'",
        "steps without a row: 1; they are read as missing values",
    ]


def test_series_that_end_early_are_named(read):
    series, notes = read([*DAYS, *DAYS[:2]], stores=["b"] * 4 + ["a"] * 2)
    assert [(one.name, len(one.values)) for one in series] == [("b", 4), ("a", 2)]
    assert notes == ["1 of 2 series end before the others ('a' at 2024-01-02): each is forecast from its end"]


def test_a_series_of_one_row_takes_the_frequency_of_the_others(read):
    series, notes = read([*DAYS, DAYS[3]], stores=["b"] * 4 + ["a"])
    assert [one.frequency for one in series] == ["D", "D"]
    assert notes == ["series 'a' has one value: its forecast can only repeat it"]


BAD = {
    "the day or the month": (["03/04/2024", "04/04/2024"], {}, 2, "--time-format %d/%m/%Y or %m/%d/%Y"),
    "two digits": (["03/04/24", "04/04/24"], {}, 2, "--time-format %d/%m/%y"),
    "day and month in another order": (["13/04/2024", "04/14/2024"], {}, 3, "'13/04/2024' at a.csv:2"),
    "written unlike": (["2024-04-03", "04/04/2024"], {}, 3, "'2024-04-03' at a.csv:2: write all"),
    "neither a date": (["2024-04-03", "tomorrow"], {}, 3, "'tomorrow'"),
    "is not a date": (["2024-02-28", "2024-02-30"], {}, 3, "'2024-02-30'"),
    "is empty": (["2024-02-28", ""], {}, 3, "give each row its date"),
    "is not in the format": (["2024-02-28", "2024-02-29"], {"time_format": "%d.%m.%Y"}, 2, "%d.%m.%Y"),
    "a time zone": (["2024-03-31T00:00", "2024-03-31T01:00Z"], {}, 3, "unlike a.csv:2"),
    "is at a.csv:2 too": (["2024-02-28", "2024-02-29", "2024-02-28"], {}, 4, "--series COLUMN"),
    "of series 'a' is at a.csv:2 too": (["2024-02-28"] * 2, {"stores": ["a", "a"]}, 3, "remove one"),
    "steps of 10 minutes": ([f"2024-01-01 00:{m}" for m in ("00", "10", "20", "25")], {}, 5, "round the dates"),
    "shows no frequency": (["2024-01-01"], {}, 2, "at least two rows"),
    "'much' is not a number": (DAYS, {"units": ["1", "2", "much", "4"]}, 4, "leave the cell empty"),
    "is infinite": (DAYS, {"units": ["1", "inf", "3", "4"]}, 3, "leave the cell empty"),
    "beyond 1e+30": (DAYS, {"units": ["1", "1e200", "3", "4"]}, 3, "another unit"),
    "'1_000' is not a number": (DAYS, {"units": ["1_000", "2", "3", "4"]}, 2, "correct it"),
    "'\u0663' is not a number": (DAYS, {"units": ["\u0663", "2", "3", "4"]}, 2, "correct it"),
    "a decimal comma or thousands": (DAYS, {"units": ["1,500", "2,000", "3", "4"]}, 2, "--dialect decimal=,"),
    "another decimal mark": (DAYS, {"units": ["1,5", "2.25", "3", "4"]}, 3, "'1,5' at a.csv:2"),
    "another sign": (DAYS, {"units": ["€1", "$2", "3", "4"]}, 3, "'$2'"),
    "has no value": (DAYS, {"units": ["", "", "", ""]}, 2, "at least one number"),
    "series 'a': has no value": (DAYS, {"units": ["1", "2", "3", ""], "stores": ["b", "b", "b", "a"]}, 5, "remove"),
    "column 'store' is empty": (DAYS[:2], {"stores": ["a", ""]}, 3, "fill it in"),
}


@pytest.mark.parametrize("problem", BAD)
def test_bad_tables_are_refused_with_their_line(read, problem):
    days, options, line, remedy = BAD[problem]
    with pytest.raises(InputError, match=rf"^a\.csv:{line}: ") as error:
        read(days, **options)
    message = str(error.value)
    assert re.search(re.escape(problem), message) and remedy in message and "\n" not in message


def test_arrays_lists_and_data_frames():
    def values(data, **columns):
        return [(one.name, one.values.tolist()) for one in read_series(data, Columns(**columns))[0]]

    assert values([1, 2, 3]) == values(np.array([1, 2, 3])) == [("1", [1, 2, 3])]
    assert values([[1, 2], np.array([3.0])]) == [("1", [1, 2]), ("2", [3])]
    dates = pd.date_range("2024-01-31", periods=3, freq="ME")
    frame = pd.DataFrame({"shop": [1, 1, 1], "day": dates, "units": [1, None, 3]})
    (series,), _ = read_series(frame, Columns(series="shop", time="day", target="units"))
    assert (series.name, series.frequency, series.times[-1]) == ("1", "ME", np.datetime64("2024-03-31"))
    (series,), _ = read_series(pd.Series([1.0, 2, 3], index=dates), Columns())
    assert series.frequency == "ME"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1, np.inf], "the series: value 2 is inf"),
        ([[1, 2], [np.nan]], "series 2: has no value"),
        ([np.ones((2, 2))], "series 1: an array of shape"),
        ([], "no series"),
        (["a"], "data of type list"),
        (None, "data of type NoneType"),
    ],
)
def test_bad_arrays_are_refused(data, message):
    with pytest.raises(InputError, match=message):
        read_series(data, Columns())
