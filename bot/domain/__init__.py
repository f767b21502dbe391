"""The words NIJA thinks in: plain, frozen values with no I/O, no clock and no venue in them.

Nothing here imports anything else of the project.
"""
