"""Time of single kernels and encoders, each beside a peer that gives the same."""
