"""Whether a window is as windows usually are: counted, compared, held against its own null."""
