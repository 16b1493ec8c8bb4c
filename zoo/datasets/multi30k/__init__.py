"""Multi30k, captions of pictures in several languages, as a TFDS builder."""
