"""SNIPS, spoken commands with their intents and slots, as a TFDS builder."""
