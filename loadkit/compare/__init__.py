"""Any two results, or groups of results, against each other: what changed and how sure that is."""
