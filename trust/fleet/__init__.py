"""A fleet of load processes against known truth: what is merged, who is missed, and what their clocks say."""
