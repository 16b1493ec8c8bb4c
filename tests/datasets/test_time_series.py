import dataclasses
import gzip
import hashlib
import json
import lzma

import numpy as np
import pandas as pd
import pytest
import rdata
import tensorflow_datasets as tfds
from rdata.conversion import to_r

from zoo import datasets
from zoo.datasets.time_series import readers, time_series
from zoo.errors import InputError


@dataclasses.dataclass
class RSeries:
    """A time series of R: values ``(time,)`` or ``(time, columns)``, start and frequency."""

    values: np.ndarray
    start: float
    frequency: float

    def to_r(self, converter):
        last = self.start + (len(self.values) - 1) / self.frequency
        attributes = {"tsp": np.array([self.start, last, self.frequency])}
        if self.values.ndim == 2:
            attributes["dim"] = np.array(self.values.shape)
        attributes["class"] = np.array(["mts", "ts", "matrix"] if self.values.ndim == 2 else ["ts"])
        return to_r.build_r_object(
            rdata.parser.RObjectType.REAL,
            value=np.ravel(self.values, order="F"),
            is_object=True,
            attributes=converter.convert_to_r_attributes(attributes),
        )


def rda(tmp_path, **variable):
    classes = {**to_r.DEFAULT_CLASS_MAP, RSeries: lambda data, converter: data.to_r(converter)}
    rdata.write_rda(tmp_path / "x.rda", variable, constructor_dict=classes)
    return (tmp_path / "x.rda").read_bytes()


@pytest.fixture(autouse=True)
def no_local_copies(monkeypatch):
    monkeypatch.delenv("ZOO_DATA_FILES", raising=False)


def test_every_file_that_is_fetched_has_a_checksum():
    urls = {url for config in time_series.CONFIGS.values() for url in config.urls.values()}
    assert set(tfds.builder_cls("time_series").url_infos) == urls
    assert len(time_series.CONFIGS["nab_real"].files) == 47


def test_the_catalogue_has_every_config_and_its_split():
    for name, config in time_series.CONFIGS.items():
        entry = datasets.DATASETS[f"time_series/{name}"]
        assert entry.splits == (config.split,) and entry.task == "forecasting", name
        assert config.split == "train" or name in ("m1", "us_employment", "ett_h1", "ett_h2", "exchange_rate")


def test_m1_keeps_its_test_part(build, tmp_path):
    history, following = np.arange(9.0), np.array([9.0, 10.0])
    entry = {"st": "Y", "x": RSeries(history, 1970, 4), "xx": RSeries(following, 1972.25, 4)}
    (row,) = build(time_series, "time_series/m1", {"M1.rda": rda(tmp_path, M1={"QRG10": entry})})["test"]
    assert (row["name"], row["period"]) == (b"QRG10", 4)
    np.testing.assert_array_equal(row["values"], history)
    np.testing.assert_array_equal(row["test"], following)


def test_each_column_of_a_matrix_is_a_series_and_those_of_m1_are_left_out(build, tmp_path):
    pair = RSeries(np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0]]), 1, 12)
    content = rda(tmp_path, tsdl=[RSeries(np.arange(5.0), 1900, 0.25), pair] + 10 * [RSeries(np.ones(3), 1, 1)])
    rows = build(time_series, "time_series/tsdl", {"tsdl.rda": content})["train"]
    assert [row["name"].decode() for row in rows] == ["0", "1.0", "1.1", *map(str, range(2, 11))]  # not 11
    assert [row["period"] for row in rows[:3]] == [1, 12, 12]
    np.testing.assert_array_equal(rows[2]["values"], [10, np.nan, 30])
    assert rows[0]["test"].size == 0


def test_hours_of_part_of_the_day_have_a_season_of_their_day():
    assert [readers.steps_of_season(f) for f in (0.1, 1, 4, 52, 365, 7305, 6574, 8766)] == [
        1,
        1,
        4,
        52,
        365,
        20,
        18,
        24,
    ]


def test_a_table_of_r_has_a_series_per_key_and_measure(build, tmp_path):
    table = pd.DataFrame(
        {
            "Month": [1.0, 2.0, 1.0, 2.0],
            "Animal": pd.Categorical(["Sheep", "Sheep", "Cows", "Cows"]),
            "State": ["Victoria"] * 4,
            "Count": [5.0, 6.0, 7.0, np.nan],
        },
        index=pd.RangeIndex(1, 5),
    )
    content = rda(tmp_path, aus_livestock=table)
    rows = build(time_series, "time_series/aus_livestock", {"aus_livestock.rda": content})["train"]
    assert [row["name"].decode() for row in rows] == ["Sheep/Victoria/Count", "Cows/Victoria/Count"]
    np.testing.assert_array_equal(rows[1]["values"], [7, np.nan])
    assert rows[0]["period"] == 12


def test_a_table_of_r_without_keys_is_one_series(build, tmp_path):
    content = rda(tmp_path, bank_calls=pd.DataFrame({"Calls": [1.0, 2.0]}, index=pd.RangeIndex(1, 3)))
    (row,) = build(time_series, "time_series/bank_calls", {"bank_calls.rda": content})["train"]
    assert (row["name"], row["period"], row["values"].tolist()) == (b"all/Calls", 169, [1, 2])


def test_rows_of_m4_have_different_lengths(build):
    header = b'"V1","V2","V3","V4"\n'
    train = header + b'"H1","605","586.5",""\n"H2","1","2","3"\n'
    test = b'"V1","V2"\n"H2","4"\n"H1","7"\n'
    rows = build(time_series, "time_series/m4_hourly", {"train": train, "test": test})["train"]
    assert [(row["name"], row["values"].tolist(), row["test"].tolist()) for row in rows] == [
        (b"H1", [605, 586.5], [7]),
        (b"H2", [1, 2, 3], [4]),
    ]


def test_numenta_s_series_have_the_day_as_season(build):
    content = b"timestamp,value\n2014-01-01 00:00:00,1\n2014-01-01 00:30:00,2\n2014-01-01 01:00:00,4.5\n"
    paths = dict.fromkeys(time_series.CONFIGS["nab_real"].files, content)
    rows = build(time_series, "time_series/nab_real", paths)["train"]
    assert len(rows) == 47 and rows[0]["values"].tolist() == [1, 2, 4.5] and rows[0]["period"] == 48


@pytest.mark.parametrize("name, header, days", [("ett_h1", "date,HUFL,OT\n", "2016-07-01,"), ("exchange_rate", "", "")])
def test_the_last_values_of_each_column_are_the_test_part(build, name, header, days):
    config = time_series.CONFIGS[name]
    rows = "".join(f"{days}{i},{-i}\n" for i in range(50))
    content = (header + rows).encode()
    (file,) = config.files
    result = build(time_series, f"time_series/{name}", {file: gzip.compress(content) if not header else content})
    first, second = result["test"]
    assert (first["name"], second["name"]) == ((b"HUFL", b"OT") if header else (b"0", b"1"))
    assert len(first["test"]) == config.horizon and first["test"][-1] == 49
    np.testing.assert_array_equal(np.concatenate([second["values"], second["test"]]), -np.arange(50.0))


def local_form(tmp_path, monkeypatch, name, rows):
    content = lzma.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "any.xz").write_bytes(content)
    known = (len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(time_series.CONFIGS, name, dataclasses.replace(time_series.CONFIGS[name], json_lines=known))
    monkeypatch.setenv("ZOO_DATA_FILES", str(tmp_path / "copies"))
    make = tfds.builder
    monkeypatch.setattr(tfds, "builder", lambda name: make(name, data_dir=tmp_path / "prepared"))


def test_a_local_copy_may_have_the_form_of_json_lines(tmp_path, monkeypatch):
    rows = [{"id": "Q1", "m": 4, "train": [1, None, 3], "test": [4]}, {"id": "Y1", "m": 1, "train": [1], "test": [2]}]
    local_form(tmp_path, monkeypatch, "m1", rows)
    first, second = datasets.load_series("time_series/m1")
    assert (first.name, first.period, first.location) == ("Q1", 4, "time_series/m1:Q1")
    np.testing.assert_array_equal(first.values, [1, np.nan, 3])
    assert first.test is not None and first.test.tolist() == [4] and second.period == 1
    examples = datasets.load("time_series/m1", "test")
    np.testing.assert_array_equal(examples.inputs[0], [1, np.nan, 3])
    np.testing.assert_array_equal(examples.targets[1], [2])


def test_steps_of_the_form_of_json_lines_are_parts_of_the_day(tmp_path, monkeypatch):
    row = {"id": "a", "step": "0 days 00:05:00", "train": [1.5, 2], "test": None}
    local_form(tmp_path, monkeypatch, "nab_real", [row])
    (series,) = datasets.load_series("time_series/nab_real")
    assert series.period == 288 and series.test is None and series.values.tolist() == [1.5, 2]


def test_local_copies_of_neither_form_name_the_published_file(tmp_path, monkeypatch):
    local_form(tmp_path, monkeypatch, "m1", [])
    (tmp_path / "copies" / "any.xz").write_bytes(b"other")
    with pytest.raises(InputError, match="put a copy of https://.*/M1.rda there"):
        datasets.load_series("time_series/m1")


def test_a_dataset_without_series_is_refused():
    with pytest.raises(InputError, match="snips: has no series to forecast: choose one of time_series/m4_hourly, "):
        datasets.load_series("snips")
