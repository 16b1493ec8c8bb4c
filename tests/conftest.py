"""The backend of the tests is TensorFlow unless KERAS_BACKEND names another."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
