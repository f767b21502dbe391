"""What runs an account: what is due when, and how the market's time passes."""
