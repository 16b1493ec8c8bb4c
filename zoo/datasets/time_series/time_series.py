"""Time series to train forecasters on and to test them with, one config per source, as a TFDS builder."""

import csv
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets import fetch, local_copies
from zoo.datasets.time_series import readers
from zoo.datasets.time_series.readers import Row
from zoo.errors import InputError

_GITHUB = "https://raw.githubusercontent.com"
_FPP3 = f"{_GITHUB}/robjhyndman/fpp3package/aa01750d3bc320aa927dfc745227590f8d0e2c50/data"
_TSIBBLE = f"{_GITHUB}/tidyverts/tsibbledata/a9c811a5ca1748df885491a4bcebe024c9d48e08/data"
_TSCOMP = f"{_GITHUB}/robjhyndman/tscompdata/668b3451c17de3fbae399c9c77362932b5f4637a/data"
_M4 = f"{_GITHUB}/Mcompetitions/M4-methods/6c1067e5a57161249b17289a565178dc7a3fb3ca/Dataset"
_ETT = f"{_GITHUB}/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small"
_LSTNET = f"{_GITHUB}/laiguokun/multivariate-time-series-data/7f402f185cc2435b5e66aed13a3b560ed142e023"
_NAB = f"{_GITHUB}/numenta/NAB/ea702d75cc2258d9d7dd35ca8e5e2539d71f3140/data"

IN_M1 = frozenset(("11", "114", "121", "152", "160", "183", "184", "185", "186", "434"))
"""Series of tsdl that share ten values in a row, four of them different, with a series of M1; 183 is two of M1."""


@dataclasses.dataclass(eq=False)
class TimeSeriesConfig(tfds.core.BuilderConfig):
    """One of the sources.

    Attributes:
        folder: URL of the folder with its files.
        files: Path of each file in the folder.
        read: Yields the series of the files.
        split: ``"test"`` if nobody may train on it.
        period: Steps of a season, where it is the same for all series; 0 if each series has its own.
        horizon: Number of last values that are the test part; 0 if the files say it, or there is none.
        exclude: Names of series that are left out.
        json_lines: Size and SHA-256 of a copy in the JSON-lines form, which ``ZOO_DATA_FILES`` may have instead.
    """

    folder: str = ""
    files: dict[str, str] = dataclasses.field(default_factory=dict)
    read: Callable[[dict[str, str]], Iterator[Row]] = readers.read_list
    split: str = "train"
    period: int = 0
    horizon: int = 0
    exclude: frozenset[str] = frozenset()
    json_lines: tuple[int, str] | None = None

    @property
    def urls(self) -> dict[str, str]:
        """URLs of ``files``."""
        return {name: f"{self.folder}/{file}" for name, file in self.files.items()}


def _rda(name: str, description: str, folder: str, **fields) -> TimeSeriesConfig:
    """Returns a config with the one file ``<name>.rda``."""
    file = fields.pop("file", f"{name}.rda")
    return TimeSeriesConfig(name=name, description=description, folder=folder, files={file: file}, **fields)


def _table(name: str, description: str, folder: str, keys: tuple[str, ...], *measures: str, **fields):
    read = functools.partial(readers.read_table, keys=keys, measures=measures)
    return _rda(name, description, folder, read=read, **fields)


def _m4(name: str, period: int, json_lines: tuple[int, str]) -> TimeSeriesConfig:
    paths = {part: f"{part.title()}/{name.title()}-{part}.csv" for part in ("train", "test")}
    description = f"M4 competition, {name}"
    return TimeSeriesConfig(
        name=f"m4_{name}",
        description=description,
        folder=_M4,
        files=paths,
        read=readers.read_m4,
        period=period,
        json_lines=json_lines,
    )


def _columns(name: str, description: str, folder: str, file: str, period: int, horizon: int) -> TimeSeriesConfig:
    return TimeSeriesConfig(
        name=name,
        description=description,
        folder=folder,
        files={file: file},
        read=readers.read_columns,
        split="test",
        period=period,
        horizon=horizon,
    )


def _nab_files() -> dict[str, str]:
    """Returns the files of NAB by the names of their series, from the list of checksums."""
    with (Path(__file__).parent / "checksums.tsv").open(newline="", encoding="utf-8") as file:
        paths = [row[0].removeprefix(f"{_NAB}/") for row in csv.reader(file, delimiter="\t") if row[0].startswith(_NAB)]
    return {path.removesuffix(".csv"): path for path in sorted(paths)}


CONFIGS = {
    config.name: config
    for config in (
        _m4("hourly", 24, (390072, "e1c968184911fb3c2ce30b89a6e3820895e390cb5240dec42c9c6f6d566ee283")),
        _m4("weekly", 52, (915120, "685c07c55118b5cca96f38a7639bdc6037b18b0b5550fcc7306ae946abd7efc1")),
        _rda(
            "tsdl",
            "Time Series Data Library, without the series that M1 has",
            f"{_GITHUB}/FinYang/tsdl/56e091544cb81e573ee6db20c6f9cd39c70e6243/data",
            exclude=IN_M1,
            json_lines=(860672, "0aa4c9abd16fde7c273edcec703fd1cae54498b6be9c78334b7d9bec7b9548e3"),
        ),
        _rda(
            "gefcom2012_load",
            "Hourly load of 20 zones, Global Energy Forecasting Competition 2012",
            _TSCOMP,
            period=24,
            json_lines=(1550368, "0123164a32535a6e2002b5833d9cd0e7fe52ae55762753f52f6b88fa78c6b835"),
        ),
        _rda(
            "gefcom2012_temp",
            "Hourly temperature at 11 stations, Global Energy Forecasting Competition 2012",
            _TSCOMP,
            period=24,
            json_lines=(218924, "4fdb1503041f876a3d70c9444427711995f4121fc07b26efffa3083ed1d4d616"),
        ),
        _rda(
            "nngc1",
            "Transport, NNGC1 competition",
            _TSCOMP,
            json_lines=(59404, "54a28a83e95cab147e7a27a2a19c48e3040f46352db191a3243bf3737dcbc3d3"),
        ),
        _table(
            "pbs",
            "Monthly prescriptions in Australia",
            _TSIBBLE,
            ("Concession", "Type", "ATC1", "ATC2"),
            "Scripts",
            "Cost",
            file="PBS.rda",
            period=12,
            json_lines=(359984, "9a41a1316553d074189d1b006f2d14f475bee3f2d1f63c7792b73851eefd8419"),
        ),
        _table(
            "aus_livestock",
            "Monthly slaughter of livestock in Australia",
            _TSIBBLE,
            ("Animal", "State"),
            "Count",
            period=12,
            json_lines=(38576, "d8f6b65092f9c4155d7aed0de9e0ef60a857a72a53002dcba7d871810b128056"),
        ),
        _table(
            "aus_retail",
            "Monthly retail turnover in Australia",
            _TSIBBLE,
            ("State", "Industry"),
            "Turnover",
            period=12,
            json_lines=(99884, "26bed74c9c02d9c00a9312a090147d9135e7e37fde05930dc85ff84c6243eabf"),
        ),
        _table(
            "nsw_offences",
            "Monthly offences in New South Wales",
            _FPP3,
            ("Type",),
            "Count",
            period=12,
            json_lines=(11612, "ca49dc4c42ce1ff189ae515411f5678f0c87ab819431d5fca8b9d7f5e641e750"),
        ),
        _table(
            "bank_calls",
            "Calls to a bank per five minutes of its opening hours, 169 per day",
            _FPP3,
            (),
            "Calls",
            period=169,
            json_lines=(31620, "925bea3033edbaa34f3f2ab6e104f94d1f4e2f1d43b3205c7a5e70eb4ada1dd4"),
        ),
        TimeSeriesConfig(
            name="nab_real",
            description="Measured series of the Numenta Anomaly Benchmark",
            folder=_NAB,
            files=_nab_files(),
            read=readers.read_nab,
            json_lines=(467648, "341426bec91f5159aca7baa732261c2738426c5f9187037d863faa5051afba57"),
        ),
        _rda(
            "m1",
            "M1 competition, with its test part",
            f"{_GITHUB}/robjhyndman/Mcomp/34f3b412824375aa337736b1f1e64a6990b7d123/data",
            file="M1.rda",
            read=readers.read_m1,
            split="test",
            json_lines=(155780, "5fbd02719b5adb139a96d6613166a55fa45fcdf51a8054802f7fda17610ad303"),
        ),
        _table(
            "us_employment",
            "Monthly employment in the United States; the last 24 months are the test part",
            _FPP3,
            ("Series_ID",),
            "Employed",
            split="test",
            period=12,
            horizon=24,
            json_lines=(128516, "83ff3568639c95391e813dd7ed777d62ce63f31e1e90b9f8ad6a0c77c8a94521"),
        ),
        _columns("ett_h1", "Transformer 1, hourly; the last 24 hours are the test part", _ETT, "ETTh1.csv", 24, 24),
        _columns("ett_h2", "Transformer 2, hourly; the last 24 hours are the test part", _ETT, "ETTh2.csv", 24, 24),
        _columns(
            "exchange_rate",
            "Eight exchange rates per working day; the last 30 days are the test part",
            _LSTNET,
            "exchange_rate/exchange_rate.txt.gz",
            5,
            30,
        ),
    )
}


class TimeSeries(tfds.core.GeneratorBasedBuilder):
    """Series with their period and, where there is one, their test part; NaN marks missing values."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = list(CONFIGS.values())

    def _info(self) -> tfds.core.DatasetInfo:
        numbers = tfds.features.Tensor(shape=(None,), dtype=np.float64, encoding="bytes")
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {"name": tfds.features.Text(), "values": numbers, "test": numbers, "period": np.int64}
            ),
            homepage=CONFIGS[self.builder_config.name].folder,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        config = CONFIGS[self.builder_config.name]
        return {config.split: self._generate_examples(self._series(dl_manager, config))}

    def _series(self, manager: tfds.download.DownloadManager, config: TimeSeriesConfig) -> Iterator[Row]:
        if config.json_lines and os.environ.get("ZOO_DATA_FILES"):
            try:
                return readers.read_json_lines(local_copies(config.name, {"series": config.json_lines})["series"])
            except InputError:
                pass  # the published files, or an error that names them
        return config.read(fetch(self, manager, config.urls))

    def _generate_examples(self, rows: Iterator[Row]) -> Iterator[tuple[int, dict]]:
        config = CONFIGS[self.builder_config.name]
        for i, row in enumerate(rows):
            if row.name in config.exclude:
                continue
            values, test = row.values, row.test
            if config.horizon:
                values, test = values[: -config.horizon], values[-config.horizon :]
            yield i, {"name": row.name, "values": values, "test": test, "period": config.period or row.period}
