"""What loadkit cannot measure, or measures with a known bias, each with its size: `python -m trust.blind`."""
