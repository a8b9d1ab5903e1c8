"""Denoisers with pictures and conditions: what all of them do, networks, diffusers, and whether one may be measured."""
