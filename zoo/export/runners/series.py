"""Run an exported classifier or regression of series or sounds. Needs NumPy and onnxruntime.

A series has commas between numbers and colons between channels; a sound is the path of a 16-bit .wav file.
"""

import json
import math
import sys
import wave
from pathlib import Path

import numpy as np
import onnxruntime


def read_session(path):
    """Returns a session of a graph, and its metadata."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session, json.loads(session.get_modelmeta().custom_metadata_map["zoo"])


def read_wav(path, rate):
    """Returns the samples of a .wav file at a rate, scaled to a maximum of 1; channels are averaged."""
    with wave.open(path, "rb") as file:
        if file.getframerate() != rate or file.getsampwidth() != 2:
            raise SystemExit(f"{path}: {file.getframerate()} samples per second: convert to {rate} at 16 bits")
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    samples = samples[:, 0].astype("float32") if samples.shape[1] == 1 else samples.mean(1, dtype="float32")
    return samples / max(float(np.abs(samples).max()), 1e-12)


def log_mel(samples, rate, mean, scale):
    """Returns standardised log-mel energies, ``(time, bands)``."""
    window, hop = rate // 40, rate // 100
    size = 1 << (2 * window - 1).bit_length()
    short = max(window - len(samples), -(len(samples) - window) % hop)
    views = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (0, short)), window)[::hop]
    power = np.abs(np.fft.rfft(views * np.hanning(window), size)) ** 2
    highest = 2595 * math.log10(1 + rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, len(mean) + 2) / 2595) - 1)
    points = np.fft.rfftfreq(size, 1 / rate)[:, None]
    rising = (points - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - points) / (corners[2:] - corners[1:-1])
    energy = np.log(np.maximum(power @ np.maximum(0, np.minimum(rising, falling)), 1e-5))
    return ((energy - mean) / np.array(scale)).astype("float32")


def features_of(text, front_end):
    """Returns the model's input, ``(time, features)``."""
    if front_end["kind"] == "numbers":
        series = np.array([[float(x) for x in channel.split(",")] for channel in text.split(":")], "float32").T
        return (series - np.float32(front_end["mean"])) / np.float32(front_end["scale"])
    samples = read_wav(text, front_end["rate"])
    if front_end["kind"] == "log_mel":
        return log_mel(samples, front_end["rate"], front_end["mean"], front_end["scale"])
    if front_end["mu"]:
        samples = np.sign(samples) * np.log1p(front_end["mu"] * np.abs(samples)) / math.log1p(front_end["mu"])
    return np.pad(samples, (0, -len(samples) % front_end["frame"])).reshape(-1, front_end["frame"])


def main(folder, inputs):
    """Print the prediction for each input."""
    session, zoo = read_session(str(folder / "model.onnx"))
    state = zoo["preprocessor"]
    for text in inputs:
        steps = features_of(text, state.get("reader", state)["front_end"])[None].astype("float32")
        (logits,) = session.run(["logits"], {"features": steps, "mask": np.ones(steps.shape[:2], bool)})
        if "mean" in state:
            print(text, f"{state['mean'] + state['scale'] * float(logits[0, 0]):.7g}", sep="\t")
        else:
            print(text, state["labels"][logits[0].argmax()], sep="\t")


if __name__ == "__main__":
    main(Path(__file__).parent, sys.argv[1:])
