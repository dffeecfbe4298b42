"""One file a section of the sizing report; each has TITLE, ORDER and build(view)."""
