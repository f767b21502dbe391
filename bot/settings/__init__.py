"""What the owner has set: the variables with their bounds, and the one place that reads `.env` and the environment."""
