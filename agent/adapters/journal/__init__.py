"""The rules every journal keeps, over an image of the rows they touch."""
