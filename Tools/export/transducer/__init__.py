"""Turn a streaming transducer's ONNX files into a Martlet bundle and a Triton model."""
