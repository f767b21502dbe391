"""Runs the accounts, from reading the settings to a clean stop. The only room that joins engine, broker, market data and store."""
