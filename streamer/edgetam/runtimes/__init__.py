"""What runs the model's graphs: eager torch, OpenVINO, ONNX Runtime, torch.compile."""
