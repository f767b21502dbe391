"""The source of closed candles: requested on their own thread, checked, and delivered as values.

Imports the domain and the brokers' interface; independent of any exchange, strategy and order.
"""
