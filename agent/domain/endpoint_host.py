"""Where a node or a bundler may be: nowhere that answers with a machine's own secrets."""

from ipaddress import ip_address

METADATA_HOSTS = frozenset({"metadata", "metadata.google.internal", "instance-data"})
METADATA_ADDRESSES = frozenset({"100.100.100.200", "fd00:ec2::254", "168.63.129.16"})
"""Of clouds that serve them outside the link-local ranges."""


def why_forbidden(host: str) -> str:
    """Return why nothing may be asked of a host name or IP address; empty when it may."""
    name = host.rstrip(".").lower()
    if name in METADATA_HOSTS:
        return "a cloud's metadata service"
    try:
        address = ip_address(name.split("%")[0])
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if str(address) in METADATA_ADDRESSES:
        return "a cloud's metadata service"
    if address.is_link_local:
        return "a link-local address, where clouds serve metadata"
    if address.is_multicast or address.is_unspecified:
        return "not the address of one machine"
    return ""
