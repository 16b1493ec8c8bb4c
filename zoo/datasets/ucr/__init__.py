"""Series of the UCR and UEA archives, as a TFDS builder."""
