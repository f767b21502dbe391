"""What runs an account, from its settings to its end. The only room that joins engine, broker, market data and store."""
