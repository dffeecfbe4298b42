"""What is known of loadkit's numbers: each section a package with its figures below reports/trust, and a page of all.

A section is found by its package: `page.py` with TITLE, METHOD, PARTS and CLAIMS as `trust.page.Section` has them, and
`python -m trust.<name> [--quick] [--out DIR]` that writes the files of figures which PARTS names, each with
`trust.about.about`. `--quick` measures a short slice anew, its work below DIR; exit code 1 says that a bound is missed.
"""
