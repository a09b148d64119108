"""The recorded previews and the reports that they should give.

    python -m tests.unit.preview_report.golden

writes the reports anew, for a change of the report that is meant; read the difference.
"""

from pathlib import Path

from preview_report.assessment import Assessment, assess
from preview_report.configuration import Comparison, compare
from preview_report.markdown import render
from preview_report.recording import read

FOLDER = Path(__file__).parent
RECORDINGS = FOLDER / "recordings"
REPORTS = FOLDER / "reports"
CASES = tuple(sorted(path.name for path in RECORDINGS.iterdir()))
STACK = "report"


def _comparison(case: Path) -> Comparison:
    before, after = case / "before.yaml", case / "after.yaml"
    if not after.exists():
        return Comparison("main")
    return compare("main", before.read_text(), after.read_text())


def assessment(case: str) -> Assessment:
    """What a recorded preview means."""
    folder = RECORDINGS / case
    return assess(STACK, read(folder), _comparison(folder), from_nothing=case == "first-creation")


if __name__ == "__main__":
    REPORTS.mkdir(exist_ok=True)
    for name in CASES:
        (REPORTS / f"{name}.md").write_text(render(assessment(name)), encoding="utf-8")
