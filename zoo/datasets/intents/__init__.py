"""Requests of customers and users with their intents, as a TFDS builder."""
