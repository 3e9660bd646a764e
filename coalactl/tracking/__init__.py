"""Trackers: the rows of the metric files, told to TensorBoard, Weights & Biases, MLflow or another package."""
