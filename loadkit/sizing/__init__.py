"""From measurements and a stated workload to a cluster, its config files, and the reasons."""
