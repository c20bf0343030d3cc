"""The real pipeline and worker on a simulated chain, with faults at every await; one seed is one run."""
