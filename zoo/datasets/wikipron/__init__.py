"""The TFDS builder of WikiPron."""
