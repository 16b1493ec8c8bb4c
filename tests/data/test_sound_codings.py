"""Codings and headers of sound files that recorders and telephones write."""

import struct

import numpy as np
import pytest
import soundfile

from zoo.data.read import examples
from zoo.data.sound import MAX_CHANNELS, read_wav
from zoo.errors import InputError

RATE = 8_000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE // 10) / RATE)


def close(sound, tolerance):
    scaled = sound.samples / np.abs(sound.samples).max() * 0.5
    np.testing.assert_allclose(scaled, TONE[: len(scaled)], atol=tolerance)


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_U8", 0.02),
        ("a.wav", "PCM_24", 1e-4),
        ("a.wav", "FLOAT", 1e-4),
        ("a.wav", "DOUBLE", 1e-4),
        ("a.wav", "ULAW", 0.03),
        ("a.wav", "ALAW", 0.03),
        ("a.WAV", "PCM_16", 1e-4),
        ("a.flac", "PCM_16", 1e-4),
        ("a.ogg", "VORBIS", 0.1),
    ],
)
def test_a_coding_is_read_as_the_samples_it_codes(tmp_path, name, subtype, tolerance):
    soundfile.write(tmp_path / name, TONE, RATE, subtype=subtype)
    sound = read_wav(tmp_path / name)
    assert sound.rate == RATE and len(sound.samples) == len(TONE)
    close(sound, tolerance)


def test_a_64_bit_header_a_streamed_header_and_a_file_that_breaks_off_are_read_as_far_as_they_go(tmp_path):
    soundfile.write(tmp_path / "a.wav", TONE, RATE, format="RF64", subtype="PCM_16")
    close(read_wav(tmp_path / "a.wav"), 1e-4)
    soundfile.write(tmp_path / "a.wav", TONE, RATE, subtype="PCM_16")
    whole = (tmp_path / "a.wav").read_bytes()
    data = whole.index(b"data") + 4
    for size in (0, 0xFFFFFFFF):
        streamed = whole[:4] + struct.pack("<I", size) + whole[8:data] + struct.pack("<I", size) + whole[data + 4 :]
        (tmp_path / "a.wav").write_bytes(streamed)
        sound = read_wav(tmp_path / "a.wav")
        assert len(sound.samples) == len(TONE)
        close(sound, 1e-4)
    (tmp_path / "a.wav").write_bytes(whole[:-501])
    sound = read_wav(tmp_path / "a.wav")
    assert len(sound.samples) == len(TONE) - 251
    close(sound, 1e-3)


def test_folders_may_hold_any_of_them_and_a_header_may_not_ask_for_much(tmp_path):
    for label in ("x", "y"):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        soundfile.write(tmp_path / "sounds" / label / "1.FLAC", TONE, RATE)
        soundfile.write(tmp_path / "sounds" / label / "2.ogg", TONE, RATE)
    assert examples(tmp_path / "sounds").targets == ["x", "x", "y", "y"]
    soundfile.write(tmp_path / "a.wav", np.zeros((4, MAX_CHANNELS + 1)), RATE)
    with pytest.raises(InputError, match="65 channels: give at most 64"):
        read_wav(tmp_path / "a.wav")
    (tmp_path / "a.flac").write_bytes(b"fLaC" + bytes(100))
    with pytest.raises(InputError, match="a.flac: not a sound file"):
        read_wav(tmp_path / "a.flac")
