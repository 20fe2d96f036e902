# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

# Install an executable at DESTINATION (relative to the prefix) that calls FUNCTION of the Python MODULE.
function(install_python_executable destination module function)
  set(python_module ${module})
  set(python_function ${function})
  get_filename_component(folder "${destination}" DIRECTORY)
  file(RELATIVE_PATH folder_to_bin "/prefix/${folder}" "/prefix/bin")
  set(generated "${CMAKE_CURRENT_BINARY_DIR}/executables/${destination}")
  set(environment_python "")
  if(DEFINED ENV{VIRTUAL_ENV} AND NOT LIPLOC_BUILT_BY_PIP)
    set(environment_python "$ENV{VIRTUAL_ENV}/bin/python3")
  endif()
  configure_file("${CMAKE_CURRENT_SOURCE_DIR}/cmake/python_executable.in" "${generated}" @ONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  install(PROGRAMS "${generated}" DESTINATION ${folder})
endfunction()
