"""The operator's files: read strictly, checked against each other, reported all at once."""
