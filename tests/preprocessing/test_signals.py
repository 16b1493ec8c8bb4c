"""From sound and numbers to frames."""

import json

import numpy as np
import pytest
from samples import RATE, tone, write_wav
from scipy.io import wavfile

from zoo.data.sound import Sound, loud, numbers, read_wav, waveform
from zoo.errors import InputError, WeightsError
from zoo.preprocessing.signals import LogMel, Numbers, SeriesPreprocessor, Waveform, mel_filters
from zoo.training.augmentation import MAX_STRETCH, augment_audio

PLAIN = LogMel(RATE, (0.0,) * 40, (1.0,) * 40)
MEL = LogMel(RATE, (0.5,) * 40, (2.0,) * 40)
FRONT_ENDS = [Numbers((0.0, 1.5), (1.0, 2.0)), Waveform(RATE, 16, 255), MEL]


def sine(frequency: float, rate: int = RATE, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize("frequency", [300, 1_000, 3_000])
def test_a_tone_is_loudest_in_the_band_around_its_pitch(frequency):
    band = PLAIN.frames(sine(frequency)).mean(axis=0).argmax()
    mel = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), 42)[band : band + 3]
    low, _, high = 700 * (10 ** (mel / 2595) - 1)
    assert low < frequency < high


def test_filters_overlap_so_that_no_frequency_is_lost():
    filters = mel_filters(RATE, 40)
    assert filters.min() == 0 and filters.max() <= 1 and (filters.max(axis=0) > 0.5).all()
    corners = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), 42) / 2595) - 1)
    frequencies = np.linspace(0, RATE / 2, len(filters))
    between = (frequencies >= corners[1]) & (frequencies <= corners[-2])
    np.testing.assert_allclose(filters[between].sum(axis=1), 1, atol=1e-9)


def test_windows_are_25_ms_every_10_ms_and_the_last_is_filled_up():
    for samples, frames in ((1, 1), (200, 1), (201, 2), (280, 2), (281, 3), (8_000, 99)):
        assert PLAIN.frames(np.ones(samples, np.float32)).shape == (frames, 40)


def test_log_mel_of_its_training_data_has_mean_0_and_deviation_1():
    generator = np.random.default_rng(0)
    made = [loud(tone(f, generator).astype(np.float32)) for f in (200, 500, 1_500)]
    fitted = LogMel.fit(made, RATE, 40)
    every = np.concatenate([fitted.frames(sound) for sound in made])
    np.testing.assert_allclose(every.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(every.std(axis=0), 1, atol=1e-3)


def test_mu_law_stretches_what_is_quiet():
    linear, law = Waveform(RATE, 4, 0), Waveform(RATE, 4, 255)
    samples = np.array([-1, -0.01, 0, 0.01, 1], np.float32)
    np.testing.assert_array_equal(
        linear.frames(samples).ravel(), [-1, np.float32(-0.01), 0, np.float32(0.01), 1, 0, 0, 0]
    )
    quiet = np.log(1 + 255 * 0.01) / np.log(256)
    np.testing.assert_allclose(law.frames(samples).ravel(), [-1, -quiet, 0, quiet, 1, 0, 0, 0], atol=1e-6)


def test_numbers_are_standardised_by_channel_and_a_dead_channel_stays_finite():
    rows = [np.array([[1, 5], [3, 5]], np.float32), np.array([[5, 5]], np.float32)]
    fitted = Numbers.fit(rows)
    assert fitted.mean == (3.0, 5.0) and fitted.scale[1] == 1.0
    every = np.concatenate([fitted.frames(fitted.read(row)) for row in rows])
    np.testing.assert_allclose(every.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(every.std(axis=0), [1, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, float("nan")], "step 2 is nan, not a finite number"),
        ([[1, 2], [3, float("-inf")]], "step 2 of channel 2 is"),
        ([1e39], "step 1 is inf"),
        ([[1, 2], [1]], "is not a series"),
        ([], r"shape \(0,\)"),
        (3, r"shape \(\)"),
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
        ("1,x", "numbers between commas"),
        ("1,2:3", "differ in length"),
        ("nan,1", "step 1 of channel 1 is nan"),
    ],
)
def test_what_is_no_series_is_refused(value, message):
    with pytest.raises(InputError, match=message):
        numbers(value)


def test_a_series_is_written_as_a_line_of_a_ts_file():
    np.testing.assert_array_equal(numbers("1,2,3:4,5,6"), [[1, 4], [2, 5], [3, 6]])
    with pytest.raises(InputError, match="1 channels: this model reads 2"):
        FRONT_ENDS[0].read([1, 2, 3])


def test_sound_is_the_same_by_path_by_array_and_from_another_rate(tmp_path):
    write_wav(tmp_path / "a.wav", 10_000 * sine(440))
    write_wav(tmp_path / "fast.wav", 3_000 * sine(440, 44_100), 44_100)
    expected = loud(sine(440))
    for value in (str(tmp_path / "a.wav"), tmp_path / "a.wav", (10_000 * sine(440)).tolist(), sine(440)[:, None]):
        np.testing.assert_allclose(waveform(value, RATE), expected, atol=2e-4)
    resampled = waveform(tmp_path / "fast.wav", RATE)
    assert len(resampled) == len(expected)
    np.testing.assert_allclose(resampled[50:-50], expected[50:-50], atol=0.03)
    assert not waveform(np.zeros(5), RATE).any(), "silence stays silence"


def test_widths_and_channels_of_wav_files(tmp_path):
    expected = loud(sine(440))
    kinds = {
        "uint8": np.round(127 * sine(440) + 128).astype(np.uint8),
        "int32": (2**30 * sine(440)).astype(np.int32),
        "float32": sine(440),
        "stereo": np.stack([2_000 * sine(440), 6_000 * sine(440)], axis=1).astype(np.int16),
    }
    for name, samples in kinds.items():
        wavfile.write(tmp_path / f"{name}.wav", RATE, samples)
        sound = read_wav(tmp_path / f"{name}.wav")
        assert (sound.rate, sound.samples.ndim, str(sound)) == (RATE, 1, str(tmp_path / f"{name}.wav"))
        np.testing.assert_allclose(waveform(sound, RATE), expected, atol=0.02)


def test_damaged_and_strange_wav_files_are_refused(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, 10_000 * sine(440))
    whole = path.read_bytes()
    for content in (whole[:30], whole[:10], b"", b"RIFF", b"OggS" + whole[4:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a.wav: not a sound file .*: convert it"):
            read_wav(path)
    for content in (whole[:44], whole[:45]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="a.wav: has no samples"):
            read_wav(path)
    wavfile.write(path, RATE, np.array([0, np.nan], np.float32))
    with pytest.raises(InputError, match="a.wav: step 2 is nan"):
        read_wav(path)
    wavfile.write(path, 10, np.array([0, 1], np.float32))
    with pytest.raises(InputError, match="10 samples per second: resample"):
        read_wav(path)
    with pytest.raises(InputError, match="no such file"):
        read_wav(tmp_path / "b.wav")
    with pytest.raises(InputError, match="cannot be read"):
        read_wav(tmp_path)


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=["numbers", "waveform", "log-mel"])
def test_a_preprocessor_comes_back_from_its_json(front_end):
    preprocessor = SeriesPreprocessor(front_end, ("a", "b"), 3)
    state = json.loads(json.dumps(preprocessor.to_json()))
    assert SeriesPreprocessor.from_json(state) == preprocessor
    with pytest.raises(InputError, match="at most 3: cut it"):
        preprocessor.encode_input(np.ones((1_000, 2) if isinstance(front_end, Numbers) else 1_000))
    with pytest.raises(InputError, match="label 'c' is unknown"):
        preprocessor.encode_target("c")


@pytest.mark.parametrize(
    ("front_end", "change"),
    [
        (0, {"kind": "picture"}),
        (0, {"kind": 3}),
        (0, {"mean": [1.0]}),
        (0, {"scale": [1.0, 0.0]}),
        (0, {"mean": [1.0, "2"]}),
        (0, {"mean": [], "scale": []}),
        (0, {"more": 1}),
        (1, {"frame": 0}),
        (1, {"frame": 10**9}),
        (1, {"mu": -1}),
        (1, {"rate": 8_000.0}),
        (2, {"rate": 10}),
        (2, {"mean": [0.0] * 1_000, "scale": [1.0] * 1_000}),
    ],
)
def test_a_damaged_state_is_named(front_end, change):
    state = SeriesPreprocessor(FRONT_ENDS[front_end], ("a", "b"), 3).to_json()
    state["front_end"] |= change
    with pytest.raises(WeightsError, match=r"spec.preprocessor.front_end"):
        SeriesPreprocessor.from_json(state)


@pytest.mark.parametrize("change", [{"labels": []}, {"labels": ["a", "a"]}, {"max_length": 0}, {"max_length": True}])
def test_damaged_labels_and_lengths_are_named(change):
    state = SeriesPreprocessor(FRONT_ENDS[1], ("a", "b"), 3).to_json() | change
    with pytest.raises(WeightsError, match=r"spec.preprocessor"):
        SeriesPreprocessor.from_json(state)


def test_varied_sounds_differ_are_repeatable_and_no_longer_than_said():
    sound = loud(sine(440))
    lengths = set()
    for seed in range(50):
        varied = augment_audio(sound, np.random.default_rng(seed))
        np.testing.assert_array_equal(varied, augment_audio(sound, np.random.default_rng(seed)))
        assert varied.dtype == np.float32 and np.abs(varied).max() == pytest.approx(1)
        assert 0.5 * len(sound) < len(varied) <= MAX_STRETCH * len(sound)
        lengths.add(len(varied))
    assert len(lengths) > 20
    assert len(augment_audio(np.ones(1, np.float32), np.random.default_rng(0))) >= 1


def test_sounds_are_told_apart_by_samples_and_rate():
    one = Sound(np.arange(5), RATE)
    assert one.tobytes() == Sound(np.arange(5), RATE, "other.wav").tobytes()
    assert one.tobytes() != Sound(np.arange(5), 2 * RATE).tobytes()
    assert str(Sound(np.zeros(4_000), RATE)) == "0.50 s of sound"
