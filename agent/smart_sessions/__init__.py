"""Smart Sessions: identifiers, encodings, digests, signatures, policies, and an exact model of them. Pure."""
