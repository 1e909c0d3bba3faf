"""Point trackers of others, through torch.hub."""
