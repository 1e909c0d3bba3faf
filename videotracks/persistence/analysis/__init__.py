"""What the decisions have in common: statistics from numbers alone, and what a language model makes of them."""
