"""The measures of a scorecard, a class and a file each."""
