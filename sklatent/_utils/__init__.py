"""Layer 0: helpers that need numpy and scikit-learn only."""
