"""The copy memory task, generated, as a TFDS builder."""
