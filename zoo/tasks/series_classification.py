"""Series classification: one label per series of numbers, or per sound."""

import collections
import dataclasses
import math

import numpy as np

from zoo.data.sound import Sound, as_channels, numbers
from zoo.errors import InputError, located
from zoo.models import registry
from zoo.preprocessing.signals import MAX_STEPS, LogMel, Numbers, SeriesPreprocessor, Waveform
from zoo.tasks.classification import Classification
from zoo.training.augmentation import MAX_STRETCH, augment_audio
from zoo.training.batching import Batches

MAX_SAMPLE_RATE = 16_000  # maximum samples per second: faster sound is resampled to this rate, as in speech models
FRAME = 40  # samples per step of a waveform
MU = 0  # linear; 255 would be the companding of telephony
BANDS = 40  # mel bands
RAW = ("tcn", "wavenet")  # these read waveforms: convolutions cover many steps at low cost
MAX_LENGTH = 4_000  # maximum steps of every model, at least
GOLDEN_STEPS = 400  # maximum steps of an input in a record


class SeriesClassification(Classification):
    """Predict one of a fixed set of labels for a series; works as for texts, with other inputs."""

    name = "series_classification"
    layout = "series"
    streamed = False

    def architecture(self, name):
        return registry.find_backbone(name)

    def fit(self, examples, architecture):
        labels = tuple(sorted(set(examples.targets)))
        if isinstance(examples.inputs[0], Sound):
            commonest = collections.Counter(sound.rate for sound in examples.inputs).most_common(1)[0][0]
            rate = min(commonest, MAX_SAMPLE_RATE)
            front_end = Waveform(rate, FRAME, MU)
            if architecture.name not in RAW:
                front_end = LogMel.fit([front_end.read(sound) for sound in examples.inputs], rate, BANDS)
        else:
            front_end = Numbers.fit(_series(examples))
        return SeriesPreprocessor(front_end, labels, _most_steps(front_end, examples))

    def misfits(self, examples, base):
        front_end = base.preprocessor.front_end if base else None
        if isinstance(examples.inputs[0], Sound) or not isinstance(front_end, Numbers | None):
            return []
        errors, channels = [], []
        for i, value in enumerate(examples.inputs):
            try:
                channels.append(as_channels(numbers(value)).shape[1])
            except InputError as error:
                errors.append((i, error))
                channels.append(0)
        counts = collections.Counter(channels)
        expected = front_end.features if front_end else counts.most_common(1)[0][0]
        if expected in counts:  # if no row has that many, the model does not fit, and ``adapt`` raises
            for i, count in enumerate(channels):
                if count not in (0, expected):
                    problem = f"{count} channels where others have {expected}: give each series the same number"
                    errors.append((i, InputError(problem)))
        return sorted(errors, key=lambda row: row[0])

    def fields(self, preprocessor, architecture):
        return {"features": preprocessor.features}

    def describe(self, preprocessor):
        front_end = preprocessor.front_end
        if isinstance(front_end, Numbers):
            read = f"{front_end.features} channels" if front_end.features > 1 else "one channel"
        else:
            kind = "waveforms" if isinstance(front_end, Waveform) else "log-mel frames"
            read = f"{kind} at {front_end.rate:,} samples per second"
        return f"{super().describe(preprocessor)}; reads {read}"

    def warnings(self, preprocessor, examples):
        return self.skewed(examples) + self.repeated(examples, "series")

    def smallest(self, preprocessor):
        return self.pack([np.zeros((2, preprocessor.features), np.float32)], 2, 1)

    def pack(self, rows, length, padded_batch_size):
        features = np.zeros((padded_batch_size, length, rows[0].shape[-1]), np.float32)
        mask = np.zeros((padded_batch_size, length), bool)
        mask[len(rows) :, 0] = True  # rows added for padding: a mean over none is not finite
        for i, row in enumerate(rows):
            features[i, : len(row)] = row
            mask[i, : len(row)] = True
        return {"features": features, "mask": mask}

    def unknown_share(self, preprocessor, inputs):
        return None

    def supports_augmentation(self, preprocessor):
        return not isinstance(preprocessor.front_end, Numbers)

    def batches(self, preprocessor, examples, training_config):
        plain = super().batches(preprocessor, examples, dataclasses.replace(training_config, augment=False))
        front_end = preprocessor.front_end
        if not training_config.augment:
            return plain
        sounds = [front_end.read(value) for value in examples.inputs]

        def collate(chosen, length, padded_batch_size, generator):
            _, target, weight = plain.collate(chosen, length, padded_batch_size)
            varied = [front_end.frames(augment_audio(sounds[i], generator)) for i in chosen]
            return self.pack([row[:length] for row in varied], length, padded_batch_size), target, weight

        steps = [math.ceil(MAX_STRETCH * len(front_end.frames(sound))) for sound in sounds]
        return Batches(steps, collate, training_config.batch_size, training_config.seed, varied=True)

    def adapt(self, base, parts):
        before = base.preprocessor.front_end
        front_end, train = before, parts[0]
        if isinstance(before, Numbers):
            # The new numbers may have another unit, so standardise by the new data; the weights expect standardised
            # inputs.
            front_end = Numbers.fit(_series(train))
            if front_end.features != before.features:
                raise InputError(
                    f"{train.locations[0]}: {front_end.features} channels where the model reads {before.features}:"
                    " train an architecture in place of a checkpoint (tcn_small)"
                )
        length = max(base.preprocessor.max_length, *(_most_steps(front_end, part) for part in parts))
        return dataclasses.replace(
            base.preprocessor, front_end=front_end, labels=tuple(sorted(set(train.targets))), max_length=length
        )

    def plain(self, pipeline, value):
        front_end = pipeline.preprocessor.front_end
        read = front_end.read(value)[:GOLDEN_STEPS]
        if isinstance(front_end, Numbers):
            return [[float(f"{x:.6g}") for x in step] for step in read]
        return np.round(32_767 * read).astype(int).tolist()


def _most_steps(front_end, examples) -> int:
    """Returns the maximum steps of an input: twice the longest example, and at least some thousands.

    Raises InputError with the location of an example that cannot be read.
    """
    max_steps = MAX_LENGTH
    for value, location in zip(examples.inputs, examples.locations, strict=True):
        with located(location):
            max_steps = max(max_steps, 2 * len(front_end.frames(front_end.read(value))))
    return min(max_steps, MAX_STEPS)


def _series(examples) -> list[np.ndarray]:
    """Returns the inputs as arrays with equal channels (raises InputError with the location)."""
    rows = []
    for value, location in zip(examples.inputs, examples.locations, strict=True):
        with located(location):
            rows.append(as_channels(numbers(value)))
        if rows[-1].shape[1] != rows[0].shape[1]:
            raise InputError(
                f"{location}: {rows[-1].shape[1]} channels, the first series has {rows[0].shape[1]}:"
                " give each the same number"
            )
    return rows


SERIES_CLASSIFICATION = SeriesClassification()
