"""Programs that run an exported folder with NumPy and onnxruntime; one is copied into each folder."""
