"""The Free Spoken Digit Dataset as a TFDS builder."""
