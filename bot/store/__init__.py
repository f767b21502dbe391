"""The database: the one durable side of our truth, written by one ledger per account.

Everything here knows `domain` and nothing else of the project.
"""
