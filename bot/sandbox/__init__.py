"""The local exchanges: play money behind the venues' real wire formats.

Written from the venues' public documentation alone. The package imports no other package of the project, so a
misunderstanding in the trader cannot be repeated here.
"""
