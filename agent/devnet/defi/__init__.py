"""Real protocols on the local chain: exchanges, lenders, price feeds and odd tokens."""
