"""The steps from a due slot to a settled payment; read `occurrence.py` first."""
