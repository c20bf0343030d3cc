"""Random sessions and operations, on the off-chain model and on the contracts behind the EntryPoint."""
