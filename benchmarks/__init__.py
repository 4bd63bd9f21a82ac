"""One module a figure that the README claims; each measures both sides of its ratio in one run."""
