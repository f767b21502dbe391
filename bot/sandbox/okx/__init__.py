"""OKX's v5 REST API on top of the sandbox's core, written from its public documentation.

Owns OKX's field names, payloads, error codes, limits and order of checks. Contains no rules of matching or money.
"""
