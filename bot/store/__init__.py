"""The database, written by one ledger per account. It is the only durable state that the engine relies on.

Imports only `domain` from the project.
"""
