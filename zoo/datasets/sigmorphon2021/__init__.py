"""The TFDS builder of SIGMORPHON 2021, task 1."""
