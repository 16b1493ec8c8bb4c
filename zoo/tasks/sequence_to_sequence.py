"""Sequence to sequence: map a text to another text, symbol by symbol."""

import array
import dataclasses
import itertools
import math
import re

import numpy as np
from keras import ops

from zoo.backends.compile import compiled, program
from zoo.data.languages import check_code, known_language, split_tag, tag
from zoo.errors import InputError, located
from zoo.inference.decoding import Decoder
from zoo.metrics.edits import edits, error_rates, strip_stress, without_stress
from zoo.metrics.intervals import Counts
from zoo.models import registry
from zoo.preprocessing.sequence_to_sequence import SequenceToSequencePreprocessor, fit_languages
from zoo.preprocessing.symbols import PAD, RESERVED, START, SymbolTokenizer, are_unspaced, pad
from zoo.tasks.task import Task
from zoo.training.batching import Batches

BEAM = 5
END_LABEL = "</s>"  # the end token in alignments
MAX_SYMBOLS = 48  # maximum symbols of a word or a pronunciation; the longest in CMUdict has 28
MAX_SYMBOLS_OF_LANGUAGES = 64  # the same for models of many languages, whose accents are symbols too


class SequenceToSequence(Task):
    """Map a source text to a target text; an input may have several correct targets."""

    name = "sequence_to_sequence"
    multi_reference = True
    counts_unread = True
    monitor = "per"
    options = {"beam_size": BEAM, "stress": True, "language": ""}
    validation = {"beam_size": 1}

    def architecture(self, name):
        return registry.find_seq2seq(name)

    def fit(self, examples, architecture):
        target = fit_targets(examples.targets, examples.reading.symbols)
        if all(split_tag(text)[0] for text in examples.inputs):
            return fit_languages(examples.inputs, target, MAX_SYMBOLS_OF_LANGUAGES)
        source = SymbolTokenizer.fit(examples.inputs, lowercase=True)
        max_length = max(len(target.split(text)) for text in examples.targets) if target.graphemes else 0
        return SequenceToSequencePreprocessor(source, target, MAX_SYMBOLS, max(MAX_SYMBOLS, max_length))

    def warnings(self, preprocessor, examples):
        target = preprocessor.target
        if target.graphemes and not examples.reading.symbols:
            shown = " ".join(target.split(examples.targets[0])[:12])
            return [f"the targets have no spaces between their symbols and are split into letters ({shown}): --symbols"]
        return []

    def check_training_example(self, preprocessor, value, target):
        self.check_example(preprocessor, value, target)
        preprocessor.encode_target(target)

    def fields(self, preprocessor, architecture):
        fields = {"source_vocab_size": preprocessor.source.size, "target_vocab_size": preprocessor.target.size}
        known = {field.name for field in dataclasses.fields(architecture.config)}
        if "max_target" in known:
            fields["max_target"] = max(64, preprocessor.max_target + 1)
        if "max_source" in known:
            fields["max_source"] = max(64, preprocessor.max_source + 1)  # includes the end token
        return fields

    def create(self, architecture, config):
        return architecture.build(config)

    def batches(self, preprocessor, examples, training_config):
        sources, targets = Rows(), Rows()
        for text, target, location in zip(examples.inputs, examples.targets, examples.locations, strict=True):
            with located(location):
                sources.append(preprocessor.encode_input(text))
                targets.append(preprocessor.encode_target(target))

        def collate(rows, length, padded_batch_size):
            """Collate for teacher forcing: the decoder reads from the start token and predicts up to the end token."""
            source = pad([sources[i] for i in rows], length, padded_batch_size)
            target = pad([targets[i][:-1] for i in rows], length, padded_batch_size)
            answer = pad([targets[i][1:] for i in rows], length, padded_batch_size)
            inputs = {"source": source, "source_mask": source > 0, "target": target}
            return inputs, answer, (answer > 0).astype("float32")

        lengths = np.maximum(sources.lengths, targets.lengths - 1)
        limit = training_config.language_rows
        languages = [split_tag(text)[0] for text in examples.inputs] if limit else None
        return Batches(
            lengths, collate, training_config.batch_size, training_config.seed, groups=languages, group_rows=limit
        )

    def check_training_config(self, preprocessor, training_config):
        super().check_training_config(preprocessor, training_config)
        if training_config.language_rows and not getattr(preprocessor, "alphabets", {}):
            raise InputError("language_rows: the training data have no languages: leave it out")

    def predict(self, pipeline, inputs, batch_size, on_step, *, beam_size, stress, language):
        """Returns the most likely outputs; an input of several words gives those of each word, two spaces between them.

        Args:
            pipeline: The model.
            inputs: Texts.
            batch_size: Number of texts per batch.
            on_step: Called with the number of finished texts.
            beam_size: Number of beams; 1 is greedy and fastest.
            stress: Whether phones keep their stress digits. Without them, the likelihoods of hypotheses that differ
                only in stress are added before the most likely one is chosen.
            language: Language of inputs without a tag, for a model of many languages.
        """
        preprocessor = pipeline.preprocessor
        preprocessor = preprocessor.with_language(language) if language else preprocessor
        target = preprocessor.target
        target.check_beam_size(beam_size)
        rows = [[tuple(ids) for ids in preprocessor.encode_words(text)] for text in inputs]
        words = list(dict.fromkeys(itertools.chain.from_iterable(rows)))  # each word once
        decoded = decoder(pipeline)(words, beam_size, batch_size, on_step)
        if stress:
            outputs = [target.decode(hypotheses[0][0]) for hypotheses in decoded]
        else:
            outputs = [target.separator.join(_without_stress(hypotheses, target)) for hypotheses in decoded]
        written = dict(zip(words, outputs, strict=True))
        return [preprocessor.join(written[ids] for ids in row) for row in rows]

    def score(self, preprocessor, outputs, references):
        return self.compute_metrics(preprocessor, [self.update_metrics(preprocessor, outputs, references)])

    def update_metrics(self, preprocessor, outputs, references):
        """Returns the edits per word, those without stress if the model marks it, and whether a reference does."""
        tokenizer = preprocessor.target
        hypotheses = [tokenizer.split(text) for text in outputs]
        correct = [[tokenizer.split(text) for text in texts] for texts in references]
        if not _marks_stress(tokenizer.symbols):
            return edits(hypotheses, correct), None, False
        marked = any(_marks_stress(phones) for phones in itertools.chain.from_iterable(correct))
        return edits(hypotheses, correct), edits(*without_stress(hypotheses, correct)), marked

    def compute_metrics(self, preprocessor, states):
        full, plain, marked = zip(*states, strict=True)
        if not _marks_stress(preprocessor.target.symbols):
            return error_rates(np.concatenate(full))
        rates = {f"{name}_no_stress": value for name, value in error_rates(np.concatenate(plain)).items()}
        # Where only the model marks stress, stress was removed before the comparison.
        return {**error_rates(np.concatenate(full)), **rates} if any(marked) else rates

    def metric_counts(self, preprocessor, outputs, references):
        full, plain, _ = self.update_metrics(preprocessor, outputs, references)
        wrong = (full if plain is None else plain)[:, 0] > 0
        return Counts("wer" if plain is None else "wer_no_stress", wrong, np.ones(len(wrong)))

    def adapt(self, base, parts):
        old = base.preprocessor
        inputs = [text for part in parts for text in part.inputs]
        targets = [text for part in parts for text in part.targets]
        max_source = max(old.max_source, *(len(old.source.split(split_tag(text)[1])) for text in inputs))
        if old.alphabets:
            target = old.target.extend(targets)
            max_target = max(old.max_target, *(len(target.split(text)) for text in targets))
            sized = dataclasses.replace(old, target=target, max_source=max_source, max_target=max_target)
            return sized.extend(inputs, self._new_language(parts[0], old))
        source = old.source.extend(inputs)
        fitted = fit_targets(targets, parts[0].reading.symbols, old.target)
        kept = [s for s in old.target.symbols if s in set(fitted.symbols)]
        target = dataclasses.replace(fitted, symbols=(*kept, *(s for s in fitted.symbols if s not in set(kept))))
        max_target = max(old.max_target, *(len(target.split(text)) for text in targets))
        return SequenceToSequencePreprocessor(source, target, max_source, max_target)

    def _new_language(self, examples, old: SequenceToSequencePreprocessor) -> str:
        """Returns the language of examples without tags: one that the model has, or a new one.

        Raises:
            InputError: An example has no language.
        """
        language = examples.reading.language
        if language:
            return known_language(language, old.alphabets) or check_code(language)
        untagged = next((text for text in examples.inputs if not split_tag(text)[0]), None)
        if untagged is not None:
            raise InputError(
                "the model reads many languages: name that of the data with --language, for example --language hi"
            )
        return old.language

    def transfer_weights(self, base, fresh):
        tensors = fresh.tensors()
        old, new = base.preprocessor, fresh.preprocessor
        for path, value in base.tensors().items():
            if path.startswith("source_embed/"):
                _move_rows(value, tensors[path], old.source, new.source)
                for language in set(new.alphabets) - set(old.alphabets) if old.alphabets else ():
                    likeness = nearest_language(new.alphabets[language], old.alphabets)
                    row, like = (new.source.symbols.index(tag(code, "")) + RESERVED for code in (language, likeness))
                    tensors[path][row] = tensors[path][like]
            elif path.startswith("target_embed/"):
                _move_rows(value, tensors[path], old.target, new.target)
            elif path.startswith("logits/"):
                _move_rows(value.T, tensors[path].T, old.target, new.target)
            else:
                tensors[path] = value
        return tensors

    def logits(self, pipeline, text):
        source = pad([pipeline.preprocessor.encode_input(text)], len(pipeline.preprocessor.encode_input(text)))
        out = pipeline.model({"source": source, "source_mask": source > 0, "target": pad([[START]], 1)})
        return ops.convert_to_numpy(out)[0, 0]


class Rows:
    """Rows of ids in one array: millions of lists would take ten times the memory."""

    def __init__(self):
        self.ids, self.ends = array.array("I"), array.array("Q", [0])

    def append(self, row: list[int]) -> None:
        """Add a row."""
        self.ids.extend(row)
        self.ends.append(len(self.ids))

    def __getitem__(self, i: int) -> array.array:
        return self.ids[self.ends[i] : self.ends[i + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Length of each row."""
        return np.diff(np.array(self.ends, "int64"))


def nearest_language(letters: str, alphabets: dict[str, str]) -> str:
    """Returns the language that shares the largest part of its letters with an alphabet.

    Example:
        >>> nearest_language("abcč", {"cs": "abcčř", "en": "abcxyz"})
        'cs'
    """
    own = set(letters)
    return max(sorted(alphabets), key=lambda code: len(own & set(alphabets[code])) / len(own | set(alphabets[code])))


def fit_targets(targets: list[str], symbols: str, like: SymbolTokenizer | None = None) -> SymbolTokenizer:
    """Returns a tokenizer of target texts.

    Args:
        targets: The texts.
        symbols: ``"characters"`` or ``"spaces"``; otherwise inferred from repetitions.
        like: Tokenizer of a pretrained model, whose settings are kept where they fit.
    """
    lowercase = like.lowercase if like else False
    if symbols == "spaces" or (not symbols and (like is None or like.separator) and not are_unspaced(targets)):
        return SymbolTokenizer.fit(targets, " ", lowercase)
    if not symbols and like and not like.separator:
        return SymbolTokenizer.fit(targets, "", lowercase, like.graphemes)
    return SymbolTokenizer.fit(targets, "", lowercase, graphemes=True)


def _move_rows(old: np.ndarray, new: np.ndarray, before: SymbolTokenizer, after: SymbolTokenizer) -> None:
    """Copy the rows of the reserved ids and of the known symbols, in place."""
    new[:RESERVED] = old[:RESERVED]
    place = {symbol: i for i, symbol in enumerate(before.symbols)}
    for i, symbol in enumerate(after.symbols):
        if symbol in place:
            new[i + RESERVED] = old[place[symbol] + RESERVED]


def _without_stress(hypotheses: list[tuple[list[int], float]], target: SymbolTokenizer) -> tuple[str, ...]:
    """Returns the most likely output without stress: sums likelihoods, divided by length as in beam search."""
    likely: dict[tuple[str, ...], float] = {}
    for ids, score in hypotheses:
        plain = tuple(strip_stress(target.split(target.decode(ids))))
        likely[plain] = likely.get(plain, 0.0) + math.exp(score * (len(ids) + 1))
    # A hypothesis whose likelihood underflows comes last, in the order of the beam.
    return max(likely, key=lambda plain: math.log(likely[plain] or 5e-324) / (len(plain) + 1))


def decoder(pipeline) -> Decoder:
    """Returns a decoder of outputs as long as a pipeline's preprocessor allows."""
    return Decoder(pipeline.model, pipeline.preprocessor.max_target + 1)


def alignment(pipeline, text: str, output: str | None = None) -> tuple[list[str], list[str], np.ndarray]:
    """Returns the attention of a sequence-to-sequence model over its input for each output symbol.

    Args:
        pipeline: The model.
        text: Input text.
        output: Output text, a result of ``predict``; the default is the output with default options.

    Returns:
        The input symbols and the output symbols (each with the end token ``"</s>"`` last), and the attention weights
        ``(output symbols, input symbols)``, whose rows sum to 1.

    Raises:
        InputError: The model is of another task, or cannot read the text or write the output.
    """
    if not isinstance(pipeline.task, SequenceToSequence):
        raise InputError(f"an alignment is for models that write a text, not for {pipeline.spec.task}")

    source, target = pipeline.preprocessor.encode_input(text), pipeline.preprocessor.target
    output = pipeline.predict([text])[0] if output is None else output
    written = target.encode(output) if output else []  # the output may be empty
    run = program(pipeline.model, _aligned)
    weights = run(pad([source], len(source)), pad([[START, *written]], len(written) + 1))
    read = [*pipeline.preprocessor.symbols(text), END_LABEL]
    return read, [*target.split(output), END_LABEL], ops.convert_to_numpy(weights)[0]


def _aligned(model):
    """Returns the compiled attention weights of sources and targets."""

    def align(source, target):
        return model.align({"source": source, "source_mask": source != PAD, "target": target})[1]

    return compiled(model, align)


def _marks_stress(phones) -> bool:
    return any(re.fullmatch("[A-Z]+[012]", phone) for phone in phones)


SEQUENCE_TO_SEQUENCE = SequenceToSequence()
