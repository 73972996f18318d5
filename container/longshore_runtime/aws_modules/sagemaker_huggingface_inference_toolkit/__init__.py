"""As the SageMaker Hugging Face Inference Toolkit's."""
