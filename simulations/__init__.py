"""Simulated recordings with known truth: teachers with chosen factors, and networks that learn to reach."""
