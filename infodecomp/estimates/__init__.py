"""From denoising errors to nats: how to draw, one pass over shared noise, and the estimates made from it."""
