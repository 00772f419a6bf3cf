"""What is kept from training, how predictions of it are scored, and the simple models to beat."""
