"""The codes of the session lint's rules, apart from the rules: files may name them."""

RULE_CODES = frozenset(f"L{number:02}" for number in range(1, 39))
