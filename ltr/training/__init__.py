"""Fitting: objective, optimiser loop, stopping, checkpoints, and the one call that does it all (api.fit)."""
