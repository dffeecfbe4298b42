"""One model of recommended settings, which every dialect only spells: value, why, effect, what it gives up."""
