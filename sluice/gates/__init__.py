"""Gates, a class and a file each: what one is declared as, measures, decides and explains."""
