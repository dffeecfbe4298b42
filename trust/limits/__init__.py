"""What limited a trial: planted slow generators, slow clusters and idle ones against what loadkit says."""
