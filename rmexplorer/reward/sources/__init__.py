"""Rewards from elsewhere: score columns that came with a dataset."""
