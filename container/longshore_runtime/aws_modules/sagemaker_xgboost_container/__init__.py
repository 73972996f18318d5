"""As the XGBoost container's."""
