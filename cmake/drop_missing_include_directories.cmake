# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

# Remove include directories that do not exist from all imported <package>__rosidl_generator_py targets.
# The ROS 2 wheels on PyPI export the Python headers of the machine that built them
# (/opt/python/cp311-cp311/include/python3.11), and CMake rejects targets with missing directories. In a ROS 2
# installation all directories exist, and this function changes nothing.
function(drop_missing_include_directories)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  list(FILTER targets INCLUDE REGEX "__rosidl_generator_py$")
  foreach(target IN LISTS targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT directories)
      continue()
    endif()
    set(present "")
    foreach(directory IN LISTS directories)
      if(NOT IS_ABSOLUTE "${directory}" OR EXISTS "${directory}")
        list(APPEND present "${directory}")
      endif()
    endforeach()
    set_property(TARGET ${target} PROPERTY INTERFACE_INCLUDE_DIRECTORIES "${present}")
  endforeach()
endfunction()
