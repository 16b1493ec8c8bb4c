"""Made-up data that several tests train on, and a made-up checkpoint."""

import wave
from pathlib import Path

import numpy as np

from zoo.checkpoints.save import save_checkpoint
from zoo.data.examples import Examples
from zoo.data.sound import Sound

GOOD, BAD = ["good", "fine", "lovely", "great", "happy"], ["bad", "awful", "poor", "sad", "dreadful"]


def reviews(count: int = 120) -> Examples:
    """Made-up reviews that say by one word what they think."""
    generator = np.random.default_rng(0)
    filler = ["the", "film", "was", "a", "story", "of", "people", "in", "town", "and", "their", "old", "house"]
    texts, labels = [], []
    for i in range(count):
        label = ("praise", "blame")[i % 2]
        words = list(generator.choice(filler, generator.integers(3, 12)))
        words.insert(generator.integers(len(words)), str(generator.choice(GOOD if label == "praise" else BAD)))
        texts.append(" ".join(words) + f". Seen on day {i}.")
        labels.append(label)
    return Examples(texts, labels, [f"made:{i + 1}" for i in range(count)])


RATE = 8_000


def tone(frequency: float, generator: np.random.Generator, seconds: float = 0.1) -> np.ndarray:
    """A made-up sound, int16 at ``RATE``: a tone of about a pitch, some noise, and not always as long."""
    time = np.arange(int(RATE * seconds * generator.uniform(0.7, 1.3))) / RATE
    sound = np.sin(2 * np.pi * frequency * generator.uniform(0.97, 1.03) * time + generator.uniform(0, 6))
    return np.round(8_000 * (sound + 0.05 * generator.normal(size=len(time)))).astype(np.int16)


def sounds(count: int = 40) -> Examples:
    """Low and high tones."""
    generator = np.random.default_rng(0)
    labels = [("low", "high")[i % 2] for i in range(count)]
    made = [Sound(tone({"low": 300, "high": 1_500}[label], generator), RATE) for label in labels]
    return Examples(made, labels, [f"made:{i + 1}" for i in range(count)])


def slopes(count: int = 60, channels: int = 2) -> Examples:
    """Made-up series of 8 to 14 steps, in no unit of the standardised kind, whose first channel rises or falls."""
    generator = np.random.default_rng(0)
    series, labels = [], []
    for i in range(count):
        steps = np.linspace(-1, 1, int(generator.integers(8, 15)))[:, None]
        noise = generator.normal(0, 0.3, (len(steps), channels))
        noise[:, :1] += steps if i % 2 else -steps
        series.append((100 + 20 * noise).astype(np.float32))
        labels.append(("down", "up")[i % 2])
    return Examples(series, labels, [f"made:{i + 1}" for i in range(count)])


def write_wav(path, samples: np.ndarray, rate: int = RATE, channels: int = 1) -> None:
    """Write 16-bit sound, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.asarray(samples, "<i2").tobytes())


def verses(count: int = 600) -> Examples:
    """One text of made-up verses, in which a line is four times the same word."""
    generator = np.random.default_rng(0)
    words = generator.choice(["fa", "la", "doo", "hey"], count // 10)
    return Examples(["".join(f"{' '.join([word] * 4)}\n" for word in words)], [""], ["made:1"])


def tunes(count: int = 12) -> Examples:
    """Pieces of two voices, of different lengths: a scale up and down over its lowest note."""
    generator = np.random.default_rng(0)
    pieces = []
    for i in range(count):
        low, size = 30 + i % 3, 7 + int(generator.integers(20))
        roll = np.zeros((size, 88), "uint8")
        roll[:, low] = 1
        steps = np.array([0, 2, 4, 5, 7, 5, 4, 2])
        roll[np.arange(size), low + 12 + steps[np.arange(size) % len(steps)]] = 1
        pieces.append(roll)
    return Examples(pieces, [""] * count, [f"made:{i + 1}" for i in range(count)])


def document(name: str, data: str = "words") -> dict:
    """What the record of a made-up checkpoint says beside spec and weights."""
    return {
        "name": name,
        "licence": {"weights": "Apache-2.0", "data": "CC0-1.0"},
        "data": {"name": data, "source": "made up", "fingerprint": "0" * 64, "splits": {"train": 1}},
        "training": {
            "recipe": {},
            "seed": 1,
            "backend": "jax",
            "versions": {"keras": "3"},
            "seconds": 1.0,
            "steps": 1,
            "curve": [],
        },
        "metrics": [],
        "published": [],
        "golden": {"inputs": [], "outputs": []},
    }


SPEC = {
    "architecture": "gru",
    "size": "tiny",
    "config": {"dilations": (1, 2)},
    "task": "sequence_to_sequence",
    "preprocessor": {},
}
TENSORS = {"model/kernel": np.arange(6, dtype="float32").reshape(2, 3).T, "model/bias": np.array([0.5], "float32")}


def save(folder: Path, tensors=TENSORS, **changes):
    """Save a made-up checkpoint, named after its folder. Returns its record."""
    return save_checkpoint(folder, {"spec": SPEC, **document(folder.name), **changes}, tensors)


# A record with every optional part, complete on its own.
RECORD = {
    "format": 1,
    "name": "gru_tiny.words",
    "spec": {
        "architecture": "gru",
        "size": "tiny",
        "config": {"hidden_dim": 8, "dropout": 0.1, "cell": "gru"},
        "task": "sequence_to_sequence",
        "preprocessor": {"source": ["a", "ø", "\n"]},
    },
    "weights": {
        "file": "model.safetensors",
        "sha256": "0" * 64,
        "bytes": 8 + 100 + 2 * 6 + 4,
        "parameters": 7,
        "tensors": {
            "model/dense/kernel": {"shape": [2, 3], "dtype": "float16"},
            "model/scale": {"shape": [], "dtype": "float32"},
        },
    },
    "licence": {"weights": "Apache-2.0", "data": "BSD-2-Clause"},
    "data": {
        "name": "words",
        "source": "https://example.org",
        "fingerprint": "1" * 64,
        "splits": {"train": 9},
    },
    "training": {
        "recipe": {"rate": 1e-3},
        "seed": 1,
        "backend": "jax",
        "versions": {"keras": "3.15.1"},
        "seconds": 2.5,
        "steps": 10,
        "curve": [{"epoch": 1, "loss": 0.5}],
    },
    "metrics": [
        {
            "dataset": "words",
            "split": "test",
            "size": 3,
            "beam": 5,
            "values": {"wer": {"value": 0.2, "low": 0.1, "high": 0.3}},
        }
    ],
    "published": [{"system": "A", "source": "a paper", "dataset": "words", "split": "test", "values": {"wer": 0.2}}],
    "golden": {"inputs": ["a"], "outputs": ["B"], "logits": [[0.5, -1.0]]},
}


WORDS = {
    "man": "Mann",
    "dog": "Hund",
    "boy": "Junge",
    "tree": "Baum",
    "ball": "Ball",
    "bird": "Vogel",
}
VERBS = {"sees": "sieht", "finds": "findet", "likes": "mag", "paints": "malt"}
COLOURS = {"red": "roten", "old": "alten", "small": "kleinen", "grey": "grauen"}


def captions(count: int = 400) -> Examples:
    """Made-up English captions and their German translations, with case and punctuation."""
    generator = np.random.default_rng(0)
    sources, targets = [], []
    for _ in range(count):
        (who, wer), (what, was) = (list(WORDS.items())[i] for i in generator.choice(len(WORDS), 2))
        (sees, sieht), (red, roten) = (
            list(table.items())[generator.integers(len(table))] for table in (VERBS, COLOURS)
        )
        sources.append(f"The {who} sees a {red} {what}.".replace("sees", sees))
        targets.append(f"Der {wer} {sieht} einen {roten} {was}.")
    return Examples(sources, targets, [f"made:{i + 1}" for i in range(count)])
