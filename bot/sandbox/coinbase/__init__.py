"""The local Coinbase Advanced Trade: its REST API over TLS, with the core doing the trading.

Written from Coinbase's public documentation and from nothing of the trader.
"""
