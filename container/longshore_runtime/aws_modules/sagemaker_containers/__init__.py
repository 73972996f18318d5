"""As SageMaker Containers', for scikit-learn and XGBoost."""
