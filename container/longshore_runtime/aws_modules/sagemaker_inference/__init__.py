"""As the SageMaker Inference Toolkit's, for PyTorch, Hugging Face and MXNet."""
