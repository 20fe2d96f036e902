# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Thread pools of the process: set once, by the program that uses the library.

Importing the library changes no thread count. Nodes, ``liploc`` and the benchmarks call :func:`limit_threads` when they
start; a program that embeds the library may do the same.
"""

import os


def limit_threads(threads: int = 1) -> None:
    """Limit the threads of BLAS, FAISS and OpenCV in this process.

    One image is too little work for several threads: waiting for the second one costs more than it saves, and the nodes
    use several cores by working on several things at a time. ONNX Runtime has its own pool, see
    :class:`~liploc_ros.encoders.backends.BackendSettings`.

    Args:
        threads: of each pool; 0 takes one per core.
    """
    import cv2
    import faiss
    import scipy.linalg  # noqa: F401  loads its own BLAS, which is limited only if it is loaded
    from threadpoolctl import threadpool_limits

    count = threads or os.cpu_count() or 1
    threadpool_limits(count)
    faiss.omp_set_num_threads(count)
    cv2.setNumThreads(count)
