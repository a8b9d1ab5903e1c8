"""From denoising errors to nats: how to draw, one pass on shared noise, and the estimates that come of it."""
