"""A gate as JUnit XML: a test case a threshold, so that CI servers show it as they show tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from loadkit.gate import store
from loadkit.report.gate import words


def junit(document: Mapping[str, Any]) -> str:
    """Return the XML of a gate; an inconclusive threshold is skipped, a gate that broke is an error."""
    compared = store.comparisons_of(document)
    answer = document.get("answer")
    verdicts = [one.verdict for one in compared]
    name = str(document["scenario"][0]["name"])
    counts: dict[str, str] = {
        "tests": str(max(1, len(compared))), "failures": str(verdicts.count("fail")),
        "errors": str(int(answer is None)), "skipped": str(verdicts.count("inconclusive")),
    }  # fmt: skip
    seconds = sum(row.get("seconds") or 0.0 for row in document["trials"])
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", {
        "name": "loadkit gate", "time": f"{seconds:.3f}", "timestamp": str(document["started_at"])[:19], **counts,
    })  # fmt: skip
    if answer is None:
        case = ElementTree.SubElement(suite, "testcase", classname=f"loadkit.gate.{name}", name="gate", time="0")
        why = _legal(str(document.get("error") or document["status"]))
        ElementTree.SubElement(case, "error", message=why, type=str(document["status"])).text = why
    for one in compared:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"loadkit.gate.{name}",
            name=one.threshold,
            time=f"{seconds / len(compared):.3f}",
        )
        said = words.sentence(one)
        if one.verdict == "fail":
            ElementTree.SubElement(case, "failure", message=said, type="regression").text = said
        elif one.verdict == "inconclusive":
            ElementTree.SubElement(case, "skipped", message=f"inconclusive: {answer['why'] if answer else one.why}")
        ElementTree.SubElement(case, "system-out").text = said
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _legal(text: str) -> str:
    """Return a text without the control characters that XML has no way to write."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
