"""Music modelling: predict which piano keys sound in the next frame."""

import numpy as np
from keras import ops

from zoo.backends.compile import compiled, program
from zoo.errors import InputError
from zoo.inference.sampling import check_length, continue_sequence, draw_keys, draw_noise
from zoo.metrics.intervals import Counts, mean_per_step
from zoo.preprocessing.music import KEYS, LOWEST, MusicPreprocessor
from zoo.tasks.next_step import NextStep, Steps, in_batches
from zoo.tasks.task import Cases
from zoo.training.batching import Batches
from zoo.training.losses import KeysCrossentropy, keys_crossentropy


class MusicModelling(NextStep):
    """Predict every frame of a piece except the first from the frames before it, with independent keys."""

    name = "music_modelling"
    monitor = "nll"
    head_dropout = 0.2

    def fit(self, examples, architecture):
        return MusicPreprocessor()

    def fields(self, preprocessor, architecture):
        return {"features": KEYS}

    def outputs(self, preprocessor):
        return KEYS

    def cases(self, examples):
        # Lists, because outputs and references are written to JSON.
        decode = MusicPreprocessor().decode
        pieces = [decode(piece) if isinstance(piece, np.ndarray) else piece for piece in examples.inputs]
        return Cases(pieces, list(examples.targets), list(examples.locations))

    def stream(self, pipeline, prompt, length, sampling):
        if sampling.top_k is not None or sampling.top_p != 1:
            raise InputError("top-k and top-p choose among characters: music, whose keys are independent, has neither")
        roll = pipeline.preprocessor.encode_input(prompt)
        check_length(pipeline.model, length, len(roll) - 1)
        settings = np.array([sampling.temperature or 1], "float32")
        noise = draw_noise("logistic", KEYS, sampling.temperature, sampling.seed)
        # The first frame is read but never predicted, so it is the input of the first step.
        parts = continue_sequence(pipeline, roll[1:], roll[:1], length, settings, noise, draw_keys)
        return (pipeline.preprocessor.decode(part > 0.5) for part in parts)

    def loss(self, training_config):
        return KeysCrossentropy()

    def batches(self, preprocessor, examples, training_config):
        rolls = self.encode(preprocessor, examples, min_length=2)

        def collate(chosen, length, padded_batch_size):
            frames = np.zeros((padded_batch_size, length + 1, KEYS), "float32")
            real = np.zeros((padded_batch_size, length), "float32")
            for place, i in enumerate(chosen):
                frames[place, : len(rolls[i])] = rolls[i]
                real[place, : len(rolls[i]) - 1] = 1
            return {"features": frames[:, :-1]}, frames[:, 1:], real

        return Batches([len(roll) - 1 for roll in rolls], collate, training_config.batch_size, training_config.seed)

    def predict_raw(self, pipeline, inputs, batch_size, on_step, **options):
        """Returns ``{"nats", "frames"}`` per piece: its negative log-likelihood and its number of predicted frames."""
        rolls = [pipeline.preprocessor.encode_input(piece) for piece in inputs]
        if min(map(len, rolls)) < 2:
            raise InputError("a piece of one frame has none to predict: give at least two")

        function = program(pipeline.model, _nats)
        results = in_batches(rolls, batch_size, lambda batch: ops.convert_to_numpy(function(batch)), on_step)
        sizes = [len(roll) - 1 for roll in rolls]
        return [
            {"nats": float(nats[:size].sum(dtype="float64")), "frames": size}
            for nats, size in zip(results, sizes, strict=True)
        ]

    def score(self, preprocessor, outputs, references):
        nats, frames = ([output[key] for output in outputs] for key in ("nats", "frames"))
        return {"nll": mean_per_step(nats, frames)}

    def metric_counts(self, preprocessor, outputs, references):
        return Counts("nll", *(np.array([output[key] for output in outputs]) for key in ("nats", "frames")))

    def predict(self, pipeline, inputs, batch_size, on_step, *, probabilities):
        """Returns the MIDI notes with a probability above 0.5 in the frame after each piece.

        With ``probabilities``, returns a dict from MIDI note to probability, the most likely first.
        """
        rolls = [pipeline.preprocessor.encode_input(piece) for piece in inputs]

        function = program(pipeline.model, _probabilities)
        results = in_batches(rolls, batch_size, lambda batch: ops.convert_to_numpy(function(batch)), on_step)
        likely = [row[len(roll) - 1] for row, roll in zip(results, rolls, strict=True)]
        if probabilities:
            return [{str(i + LOWEST): float(row[i]) for i in np.argsort(-row, kind="stable")} for row in likely]
        return pipeline.preprocessor.decode(np.array(likely) > 0.5)

    def steps(self, preprocessor, examples):
        rolls = self.encode(preprocessor, examples, min_length=2)
        places = [np.arange(len(roll) - 1) for roll in rolls]
        return Steps("features", [roll[:-1] for roll in rolls], [roll[1:] for roll in rolls], places)

    def adapt(self, base, parts):
        return base.preprocessor

    def logits(self, pipeline, text):
        roll = pipeline.preprocessor.encode_input(text)
        return ops.convert_to_numpy(pipeline.model({"features": roll[None]}))[0, -1]


def _nats(model):
    """Returns the compiled negative log-likelihood of each frame of a piece, except the first."""

    def run(frames):
        logits = model({"features": ops.cast(frames[:, :-1], "float32")}, training=False)
        return keys_crossentropy(frames[:, 1:], logits)

    return compiled(model, run, rank=3)


def _probabilities(model):
    """Returns the compiled probabilities of the keys in the next frame at each step."""

    def run(frames):
        return ops.sigmoid(model({"features": ops.cast(frames, "float32")}, training=False))

    return compiled(model, run, rank=3)


MUSIC_MODELLING = MusicModelling()
