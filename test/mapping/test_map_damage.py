# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Damaged maps: every file with a flipped bit, truncated, empty or missing is one line with the file and what to do."""

import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.mapping.editing.upgrade import upgrade_map
from liploc_ros.mapping.manifest import read_manifest

FORMATS = Path(__file__).parent / "formats"
MAPS = [*sorted(path.name for path in FORMATS.iterdir()), "coded"]
OLD = ("format_2", "format_3")  # their manifests have no checksum
BITS = 60


def flip(file, bit):
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)


def files_of(path):
    return sorted(file for file in path.rglob("*") if file.is_file())


@pytest.fixture(scope="module", params=MAPS)
def original(request, bundle, tmp_path_factory):
    if request.param != "coded":
        return FORMATS / request.param
    path = tmp_path_factory.mktemp("maps") / "coded"
    upgrade_map(FORMATS / "format_4", path, bundle)
    return path


DAMAGES = {
    "a flipped bit": lambda file: flip(file, random.Random(file.name).randrange(8 * file.stat().st_size)),
    "truncated": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "empty": lambda file: file.write_bytes(b""),
    "missing": lambda file: file.unlink(),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damaged_file_is_one_line_that_names_it(original, damage, tmp_path):
    for file in files_of(original):
        if file.name == "manifest.json" and original.name in OLD and damage == "a flipped bit":
            continue
        path = Path(shutil.copytree(original, tmp_path / file.name.replace(".", "_"), dirs_exist_ok=True))
        damaged = path / file.relative_to(original)
        DAMAGES[damage](damaged)
        with pytest.raises(MapError) as error:
            LidarMap.load(path)
        shutil.rmtree(path)
        message = str(error.value)
        assert "\n" not in message and damaged.name in message and ("again" in message or "check the path" in message)


@pytest.mark.parametrize("damage", ["truncated", "empty", "missing"])
def test_without_verification_too_there_is_no_other_error(original, damage, tmp_path):
    for file in files_of(original):
        path = Path(shutil.copytree(original, tmp_path / "map"))
        DAMAGES[damage](path / file.relative_to(original))
        with pytest.raises(MapError):
            LidarMap.load(path, verify=False)
        shutil.rmtree(path)


def test_flipped_bits_that_are_not_verified_cause_no_other_error(original, tmp_path):
    path = Path(shutil.copytree(original, tmp_path / "map"))
    chosen = random.Random(5)
    for file in files_of(path):
        content = file.read_bytes()
        for number in range(20):
            flip(file, chosen.randrange(8 * min(len(content), 200 if number % 2 else len(content))))
            with suppress(MapError):  # or nothing is noticed
                LidarMap.load(path, verify=False).keyframe_points(0)
        file.write_bytes(content)


def test_every_flipped_bit_of_the_manifests_is_refused(tmp_path):
    path = Path(shutil.copytree(FORMATS / "format_4", tmp_path / "map"))
    chosen = random.Random(0)
    for file in [file for file in files_of(path) if file.name == "manifest.json"]:
        for _ in range(BITS):
            bit = chosen.randrange(8 * file.stat().st_size)
            flip(file, bit)
            with pytest.raises(MapError):
                LidarMap.load(path, verify=False)
            flip(file, bit)
    assert LidarMap.load(path).manifest == read_manifest(FORMATS / "format_4")


def test_every_bit_of_the_version_is_guarded(tmp_path):
    path = Path(shutil.copytree(FORMATS / "format_4", tmp_path / "map"))
    file = path / "manifest.json"
    first = file.read_bytes().index(b'"format_version"')
    for bit in range(8 * first, 8 * (first + len(b'"format_version": 4,'))):
        flip(file, bit)
        with pytest.raises(MapError):
            read_manifest(path)
        flip(file, bit)


def test_tiles_of_two_maps_cannot_be_mixed(tmp_path):
    path = Path(shutil.copytree(FORMATS / "format_4", tmp_path / "map"))
    shutil.rmtree(path / "tiles" / "000001")
    shutil.copytree(path / "tiles" / "000000", path / "tiles" / "000001")
    with pytest.raises(MapError, match=r"000001/manifest\.json: damaged, or of another map"):
        LidarMap.load(path, verify=False)
