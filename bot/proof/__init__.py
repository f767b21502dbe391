"""Proof that the book equals the exchange's: the daemon's ledger held against the sandbox's truth.

Works on the two documents alone; knows neither brokers nor the sandbox's inside.
"""
