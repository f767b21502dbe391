"""Backtests: the trader's own rule, gates, sizing and exits over candles of the past.

Owns reading candles, walking them and counting the result. An extra: nothing of the daemon imports it.
"""
