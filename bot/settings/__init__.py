"""The owner's settings: the variables with their bounds, and the only place that reads `.env` and the environment."""
