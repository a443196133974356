"""The browser of a whole data set's explanations."""
