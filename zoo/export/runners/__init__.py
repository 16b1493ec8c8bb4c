"""Programs that run an exported folder with NumPy and onnxruntime alone; one of them is copied into each folder."""
