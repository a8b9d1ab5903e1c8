"""The paper's experiments on data sets: items in, one JSON line each, a table out; interrupted runs go on."""
