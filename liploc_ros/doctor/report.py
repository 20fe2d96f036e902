# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Running all checks, and the report as lines or as JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from liploc_ros import __version__
from liploc_ros.doctor.checks import CHECKS
from liploc_ros.doctor.examination import DoctorRequest, Examination
from liploc_ros.doctor.finding import Check, Finding, Level, error, of_error
from liploc_ros.doctor.graph.snapshot import GraphSnapshot
from liploc_ros.errors import LiplocError


@dataclass(frozen=True)
class Report:
    """All findings, with their checks, in the order of the checks."""

    findings: tuple[tuple[Check, Finding], ...]

    @property
    def level(self) -> Level:
        """The worst level."""
        return max((finding.level for _, finding in self.findings), default=Level.OK)

    def lines(self) -> list[str]:
        """Return the report: a heading for each area, a line for each finding, and a line with their numbers."""
        lines: list[str] = []
        area = ""
        for check, finding in self.findings:
            if check.area != area:
                area = check.area
                lines.append(area)
            remedy = f": {finding.remedy}" if finding.remedy else ""
            lines.append(f"  {finding.level.name:5} {check.name}: {finding.message}{remedy}")
        count = Counter(finding.level for _, finding in self.findings)
        return [*lines, ", ".join(f"{count[level]} {level.name}" for level in Level)]

    def as_dict(self) -> dict[str, Any]:
        """Return the report for machines."""
        findings = [
            {
                "area": check.area,
                "check": check.name,
                "level": finding.level.name,
                "message": finding.message,
                "remedy": finding.remedy,
            }
            for check, finding in self.findings
        ]
        return {"liploc_ros": __version__, "level": self.level.name, "findings": findings}


def examine(request: DoctorRequest, checks: Sequence[Check] = CHECKS) -> Report:
    """Run all checks. A check that fails is a finding of level ERROR."""
    examination = Examination(request, _listen)
    return Report(tuple((check, finding) for check in checks for finding in _findings_of(check, examination)))


def _listen(request: DoctorRequest) -> GraphSnapshot:
    from liploc_ros.doctor.graph.listening import listen  # needs ROS

    return listen(request.duration, request.domain_id)


def _findings_of(check: Check, examination: Examination) -> list[Finding]:
    findings: list[Finding] = []
    try:
        for finding in check.run(examination):
            findings.append(finding)  # those before a failure are kept
    except LiplocError as failure:
        findings.append(of_error(failure))
    except Exception as failure:  # a doctor must not fall ill
        reason = " ".join(f"{type(failure).__name__}: {failure}".split())
        findings.append(error(f"the check failed ({reason})", "report this line as an issue"))
    return findings
