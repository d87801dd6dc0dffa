"""VECTORS → HEAD → REWARDS: the head, its loss and training, baselines, checkpoints, and rewards from elsewhere."""
