"""Results to pages: one self-contained HTML file, and the same facts as a terminal table. Reads files only."""
