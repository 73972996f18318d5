"""The default functions, for scripts that call them or derive from their class."""

from __future__ import annotations

from typing import Any

from longshore_runtime.aws_modules.sagemaker_inference import decoder, encoder, errors, utils


class DefaultInferenceHandler:
    """The functions that are used where a script has none."""

    def default_model_fn(self, model_dir: str, context: Any = None) -> Any:
        raise NotImplementedError("Write model_fn(model_dir).")

    def default_input_fn(self, input_data: str | bytes, content_type: str, context: Any = None) -> Any:
        return decoder.decode(input_data, content_type)

    def default_predict_fn(self, data: Any, model: Any, context: Any = None) -> Any:
        raise NotImplementedError("Write predict_fn(data, model).")

    def default_output_fn(self, prediction: Any, accept: str, context: Any = None) -> tuple[str | bytes, str]:
        for content_type in utils.parse_accept(accept):
            if content_type in encoder.SUPPORTED_CONTENT_TYPES:
                return encoder.encode(prediction, content_type), content_type
        raise errors.UnsupportedFormatError(accept)
