"""The local Coinbase Advanced Trade: its REST API over TLS, on top of the core.

Written from Coinbase's public documentation alone.
"""
