"""Denoisers with pictures and conditions: their base, networks, diffusers pipelines, and a check of the network."""
