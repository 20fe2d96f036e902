# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The doctor's checks of the installation and of the computer's clock: each finds what was broken."""

import json
import shutil
import time
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from liploc_ros.doctor import DoctorRequest, Examination, Level, examine
from liploc_ros.doctor.checks import CHECKS
from liploc_ros.doctor.finding import Check
from liploc_ros.doctor.installation import dds, gpu, packages
from liploc_ros.doctor.installation.clock import check_clock
from liploc_ros.doctor.installation.dds import DEFAULT_SEGMENT, Segment, check_dds, compare, segment_of
from liploc_ros.doctor.installation.gpu import check_engines, check_gpu
from liploc_ros.doctor.installation.model import check_model_bundle
from liploc_ros.doctor.installation.packages import check_packages
from liploc_ros.doctor.installation.ros import check_environment
from liploc_ros.encoders import DEFAULT_BUNDLE
from liploc_ros.encoders.encoder import ModelError
from liploc_ros.encoders.tensorrt.engine_cache import EngineCache
from liploc_ros.encoders.tensorrt.gpu import Gpu
from liploc_ros.errors import LiplocError
from liploc_ros.nodes.common.dds_profile import PROFILE, PROFILE_VARIABLES, profile_variable
from liploc_ros.package_share import share_folder

OK, WARN, ERROR = Level.OK, Level.WARN, Level.ERROR
IMAGE_BYTES = 1242 * 375 * 3


def examination(**request):
    return Examination(DoctorRequest(duration=0, **request), listen=None)


def only(findings):
    (finding,) = findings
    assert (finding.level is OK) == (not finding.remedy)
    return finding


def test_this_installation_has_no_error():
    report = examine(DoctorRequest(duration=0))
    assert [finding for _, finding in report.findings if finding.level is ERROR] == []
    assert {check.area for check, _ in report.findings} == {"installation", "clock", "ROS graph"}


def test_every_warning_of_this_installation_has_a_remedy():
    report = examine(DoctorRequest(duration=0))
    assert all(finding.remedy for _, finding in report.findings if finding.level is not OK)


def test_the_report_for_machines_has_the_same_findings_as_the_lines():
    report = examine(DoctorRequest(duration=0))
    found = json.loads(json.dumps(report.as_dict()))
    assert found["level"] == report.level.name
    lines = "\n".join(report.lines())
    assert all(f"{item['check']}: {item['message']}" in lines for item in found["findings"])


@pytest.mark.parametrize("failure", [LiplocError("it is broken: repair it"), RuntimeError("a bug")])
def test_a_check_that_fails_is_an_error_and_the_others_run(failure):
    def fail(_):
        raise failure

    report = examine(DoctorRequest(duration=0), [Check("clock", "broken", fail), *CHECKS[-1:], CHECKS[6]])
    assert report.level is ERROR
    assert report.findings[0][1].remedy
    assert report.findings[-1][1].level is OK


@pytest.mark.parametrize(("installed", "words"), [("1.0", "numpy 1.0 is installed"), ("", "numpy is not installed")])
def test_a_package_that_does_not_fit_is_an_error(monkeypatch, installed, words):
    monkeypatch.setattr(packages.metadata, "requires", lambda name: ["numpy>=1.26", "torch>=2 ; extra == 'train'"])
    monkeypatch.setattr(packages, "_installed", lambda name: installed)
    finding = only(check_packages(examination()))
    assert (finding.level, finding.remedy) == (ERROR, "pip install 'numpy>=1.26'")
    assert words in finding.message


@pytest.mark.parametrize(
    ("variables", "level", "words"),
    [
        ({"ROS_DISTRO": "jazzy"}, ERROR, "ROS_DISTRO is jazzy, but Python finds rclpy of kilted"),
        ({"ROS_DOMAIN_ID": "300"}, ERROR, "300 is no number from 0 to 232"),
        ({"ROS_DOMAIN_ID": "150"}, WARN, "ports of other programs"),
        ({"ROS_LOCALHOST_ONLY": "1"}, WARN, "overrides ROS_AUTOMATIC_DISCOVERY_RANGE"),
    ],
)
def test_an_environment_that_does_not_fit_is_found(variables, level, words):
    finding = only(check_environment(variables, "kilted"))
    assert finding.level is level
    assert words in finding.message
    assert list(check_environment({"ROS_DISTRO": "kilted", "ROS_DOMAIN_ID": "42"}, "kilted")) == []


def test_a_segment_that_is_smaller_than_an_image_is_a_warning_with_the_profile():
    finding = compare(Segment(DEFAULT_SEGMENT, "default"), IMAGE_BYTES)
    assert finding.level is WARN
    assert "0.5 MB (default), a raw image has 1.4 MB" in finding.message
    assert PROFILE in finding.remedy or "fastdds_large_messages.xml" in finding.remedy
    assert compare(Segment(2 * IMAGE_BYTES, "mine"), IMAGE_BYTES).level is WARN  # a second one does not fit
    assert compare(Segment(DEFAULT_SEGMENT, "default"), 0).level is OK  # nothing is known of the images


def test_the_profile_of_this_package_holds_images(tmp_path):
    segment = segment_of({profile_variable(): str(share_folder() / PROFILE)}, tmp_path)
    assert segment.size == 33_554_432
    assert compare(segment, IMAGE_BYTES).level is OK


def test_a_profile_that_does_not_exist_or_is_no_xml_is_an_error(tmp_path):
    assert segment_of({profile_variable(): str(tmp_path / "nothing.xml")}, tmp_path).finding.level is ERROR
    (tmp_path / "DEFAULT_FASTDDS_PROFILES.xml").write_text("<dds>")
    found = segment_of({}, tmp_path)
    assert (found.finding.level, found.size) == (ERROR, DEFAULT_SEGMENT)
    assert "not valid XML" in found.finding.message


def test_a_variable_that_this_distribution_does_not_read_is_a_warning(tmp_path):
    (other,) = set(PROFILE_VARIABLES) - {profile_variable()}
    found = segment_of({other: str(share_folder() / PROFILE)}, tmp_path)
    assert (found.finding.level, found.size) == (WARN, DEFAULT_SEGMENT)
    assert profile_variable() in found.finding.remedy


def test_other_transports_are_named_and_not_judged(tmp_path):
    assert segment_of({"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}, tmp_path).size is None
    assert "rmw_cyclonedds_cpp" in segment_of({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}, tmp_path).source


def test_little_free_shared_memory_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in (*PROFILE_VARIABLES, "FASTDDS_BUILTIN_TRANSPORTS", "RMW_IMPLEMENTATION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(dds.shutil, "disk_usage", lambda path: SimpleNamespace(free=64_000_000))
    found = [finding for finding in check_dds(examination()) if finding.level is WARN]
    assert "has 64 MB free" in only(found).message
    assert "--ipc=host" in found[0].remedy


def test_a_gpu_that_cannot_be_used_is_a_warning_and_none_is_fine(monkeypatch, tmp_path):
    def fail():
        raise ModelError("no driver: install the driver")

    monkeypatch.setattr(gpu, "find_gpu", fail)
    monkeypatch.setattr(gpu, "DEVICES", tmp_path)
    assert only(check_gpu(examination())).level is OK
    (tmp_path / "nvidia0").touch()
    finding = only(check_gpu(examination()))
    assert (finding.level, finding.remedy) == (WARN, "install the driver")


def test_a_gpu_without_a_runtime_for_it_is_a_warning(monkeypatch):
    monkeypatch.setattr(gpu, "find_gpu", lambda: Gpu("L4", "sm89"))
    monkeypatch.setattr(gpu, "is_installed", lambda name: False)
    monkeypatch.setattr(gpu, "_has_cuda_runtime", lambda: False)
    finding = only(check_gpu(examination()))
    assert finding.level is WARN and "L4 (sm89)" in finding.message


def test_stale_engines_and_missing_ones_are_warnings(monkeypatch, tmp_path):
    store = EngineCache(tmp_path)
    monkeypatch.setattr(gpu, "is_installed", lambda name: False)
    assert only(check_engines(examination(), store)).level is OK
    (tmp_path / f"{'a' * 64}.plan").write_bytes(b"engine")
    assert only(check_engines(examination(), store)).remedy == "liploc engine clean"
    (tmp_path / f"{'a' * 64}.plan").unlink()
    monkeypatch.setattr(gpu, "is_installed", lambda name: name == "tensorrt_rtx")
    assert only(check_engines(examination(), store, Gpu("L4", "sm89"))).remedy == "liploc engine build"


def test_a_damaged_model_is_an_error_and_one_without_coding_a_warning(tmp_path):
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "model")
    spec = json.loads((path / "model.json").read_text())
    (path / "model.json").write_text(json.dumps({**spec, "coding": None}))
    assert [finding.level for finding in check_model_bundle(examination(model=path))] == [OK, WARN]
    with (path / "camera.onnx").open("ab") as file:
        file.write(b"x")
    finding = only(check_model_bundle(examination(model=path)))
    assert (finding.level, finding.remedy) == (ERROR, "copy the bundle again")


def test_a_computer_in_1970_is_an_error(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: datetime(1970, 1, 2, tzinfo=timezone.utc).timestamp())
    finding = only(check_clock(examination()))
    assert finding.level is ERROR and "1970-01-02" in finding.message
