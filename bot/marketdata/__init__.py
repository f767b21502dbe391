"""Where closed candles come from: asked for on a thread of their own, checked, and told as values.

Imports the domain and the brokers' interface; knows no venue, no strategy and no order.
"""
