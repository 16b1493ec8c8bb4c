"""Translation: map a sentence to a sentence of another language, raw text in and out."""

import random

from keras import ops

from zoo.metrics import translation
from zoo.preprocessing.byte_subwords import ByteSubwords
from zoo.preprocessing.symbols import START, pad
from zoo.preprocessing.translation import SentenceTokenizer, TranslationPreprocessor
from zoo.tasks.sequence_to_sequence import BEAM, SequenceToSequence, decoder

VOCABULARY = 8_000  # maximum ids of both languages together
MIN_LENGTH, MAX_LENGTH = 64, 256  # bounds of the longest sentence, in subwords
VALIDATED = 500  # maximum sentences per validation in training
MAX_LOGITS = 256  # logits of an example that a record keeps


class Translation(SequenceToSequence):
    """Translate sentences, with one vocabulary and one embedding for both languages."""

    name = "translation"
    multi_reference = False
    has_correct_answer = False
    monitor = "bleu_error"
    options = {"beam_size": BEAM}

    def fit(self, examples, architecture):
        texts = [text for pair in zip(examples.inputs, examples.targets, strict=True) for text in pair]
        tokenizer = SentenceTokenizer(ByteSubwords.learn(texts, VOCABULARY - 1))
        lengths = (max(len(tokenizer.encode(text)) for text in side) for side in (examples.inputs, examples.targets))
        return TranslationPreprocessor(tokenizer, *(min(max(length, MIN_LENGTH), MAX_LENGTH) for length in lengths))

    def prefers(self, architecture):
        return {"tie_embeddings": True}

    def warnings(self, preprocessor, examples):
        same = sum(source == target for source, target in zip(examples.inputs, examples.targets, strict=True))
        if not same:
            return []
        return [f"{same:,} of {len(examples):,} sentences are their own translation: check the columns"]

    def unknown_share(self, preprocessor, inputs):
        return preprocessor.unknown_share(inputs)

    def check_metrics(self):
        translation.check_installed()

    def validation_cases(self, cases):
        if len(cases) <= VALIDATED:
            return cases
        return cases.select(sorted(random.Random(0).sample(range(len(cases)), VALIDATED)))

    def predict(self, pipeline, inputs, batch_size, on_step, *, beam_size):
        """Returns the most likely translations.

        Args:
            pipeline: The model.
            inputs: Sentences.
            batch_size: Number of sentences per batch.
            on_step: Called with the number of finished sentences.
            beam_size: Number of beams; 1 is greedy and fastest.
        """
        target = pipeline.preprocessor.target
        target.check_beam_size(beam_size)
        sources = [pipeline.preprocessor.encode_input(text) for text in inputs]
        decoded = decoder(pipeline)(sources, beam_size, batch_size, on_step)
        return [target.decode(hypotheses[0][0]) for hypotheses in decoded]

    def update_metrics(self, preprocessor, outputs, references):
        """Returns sacreBLEU's counts of each sentence."""
        return translation.sentence_counts(outputs, references)

    def compute_metrics(self, preprocessor, states):
        return translation.translation_metrics(translation.joined(states))

    def metric_counts(self, preprocessor, outputs, references):
        return translation.metric_counts("bleu", translation.sentence_counts(outputs, references)["bleu"])

    def signatures(self):
        return translation.signatures()

    def adapt(self, base, parts):
        return base.preprocessor  # its bytes can write every text

    def transfer_weights(self, base, fresh):
        return base.tensors()

    def logits(self, pipeline, text):
        ids = pipeline.preprocessor.encode_input(text)
        source = pad([ids], len(ids))
        out = pipeline.model({"source": source, "source_mask": source > 0, "target": pad([[START]], 1)})
        row = ops.convert_to_numpy(out)[0, 0]
        return row[:: -(-len(row) // MAX_LOGITS)]  # evenly spaced entries of a large vocabulary


TRANSLATION = Translation()
