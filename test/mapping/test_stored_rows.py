# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Rows of an array in a file, read by each selection."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from liploc_ros.mapping import MapError
from liploc_ros.mapping.tiles.array_file import StoredRows
from liploc_ros.mapping.tiles.tile import PLACE

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def stored(tmp_path):
    def store(array):
        np.save(tmp_path / "array.npy", array)
        return StoredRows(tmp_path / "array.npy")

    return store


@QUICK
@given(rows=st.lists(st.integers(0, 19), max_size=40))
def test_rows_in_any_order_are_those_of_the_array(stored, rows):
    array = np.arange(20 * 6, dtype=np.uint8).reshape(20, 2, 3)
    read = stored(array)[np.array(rows, np.intp)]
    assert read.shape == (len(rows), 2, 3) and np.array_equal(read, array[np.array(rows, np.intp)])


def test_rows_of_records_keep_their_fields(stored):
    places = np.zeros(5, PLACE)
    places["station"] = np.arange(5)
    assert stored(places)[np.array([3, 1])]["station"].tolist() == [3, 1]


def test_a_file_that_is_cut_off_after_it_was_opened_is_an_error_for_the_missing_rows(stored, tmp_path):
    rows, path = stored(np.zeros((100, 64), np.uint8)), tmp_path / "array.npy"
    path.write_bytes(path.read_bytes()[:1000])
    assert rows[np.array([0])].shape == (1, 64)
    with pytest.raises(MapError, match=r"array\.npy: cut off: copy or build the map again"):
        rows[np.array([99])]


def test_a_file_that_is_removed_after_it_was_opened_is_an_error(stored, tmp_path):
    rows = stored(np.zeros((100, 64), np.uint8))
    (tmp_path / "array.npy").unlink()
    with pytest.raises(MapError, match=r"array\.npy: No such file.*copy or build the map again"):
        rows[np.array([99])]


@QUICK
@given(content=st.binary(max_size=200) | arrays(np.uint8, 90).map(lambda noise: b"\x93NUMPY\x01\x00" + noise.tobytes()))
def test_any_other_file_is_refused(tmp_path, content):
    (tmp_path / "array.npy").write_bytes(content)
    with pytest.raises(MapError, match="copy or build the map again"):
        StoredRows(tmp_path / "array.npy")


@pytest.mark.parametrize("array", [np.asfortranarray(np.zeros((3, 4))), np.zeros(())], ids=["columns", "no rows"])
def test_an_array_without_rows_that_lie_together_is_refused(stored, array):
    with pytest.raises(MapError, match="not an array of rows"):
        stored(array)
