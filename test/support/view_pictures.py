# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Write screenshots of `liploc view` on the demo recording at three moments: lost, converging, localized.

PYTHONPATH=test python -m support.view_pictures FOLDER
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from liploc_ros.files import write_file
from liploc_ros.package_share import share_folder
from liploc_ros.threads import limit_threads
from support.served_view import ServedView, ViewBrowser

SIZE, WHOLE_PANEL = (1280, 800), (1000, 1380)
DEMO_MAP = Path("out/demo/map")  # of `make demo`
IMAGES = 26  # of 40, then the vehicle is well on its way
FADE = 6.0  # s until the scene is fully visible
COLOURS = (160, 96, 64, 48)
MAX_BYTES = 300_000


def write_pictures(lidar_map, bag, folder):
    """Step through a recording and take a picture of each state, the last one from near the vehicle."""
    wanted = ["LOST", "CONVERGING"]
    with ServedView(lidar_map, bag, "--paused") as view, ViewBrowser(SIZE) as page:
        page.open(view.address)
        page.wait_for("Playback")
        pause(page, FADE)
        page.evaluate("document.querySelectorAll('[class*=Notification-closeButton]').forEach(one => one.click())")
        for image in range(1, IMAGES + 1):
            page.step(image)
            if wanted and page.state() == wanted[0]:
                take(page, folder / f"view_{wanted.pop(0).lower()}.png")
        assert not wanted, f"tracking was never {wanted[0]}"
        page.evaluate("[...document.querySelectorAll('label')].find(one => one.innerText === 'Follow').click()")
        page.step(IMAGES + 1)
        assert page.state() == "LOCALIZED", page.text()
        page.resize(*WHOLE_PANEL)
        page.evaluate("document.querySelector('#liploc-state').scrollIntoView({block: 'center'})")
        take(page, folder / "view_localized.png")


def pause(page, seconds):
    page.call(
        "Runtime.evaluate", expression=f"new Promise(done => setTimeout(done, {1000 * seconds}))", awaitPromise=True
    )


def take(page, path):
    """Write a picture with as many colours as fit into its size."""
    pause(page, 2)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colours in COLOURS:
        data = io.BytesIO()
        picture.quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
        if len(data.getvalue()) < MAX_BYTES:
            break
    write_file(path, data.getvalue())
    sys.stdout.write(f"{path}: {len(data.getvalue()) / 1000:.0f} kB, {colours} colours\n")


def main(folder):
    """Use the map of the demo, or build one."""
    limit_threads()
    bag = share_folder() / "demo" / "kitti_0013_excerpt.mcap"
    if (DEMO_MAP / "manifest.json").exists():
        write_pictures(DEMO_MAP, bag, folder)
        return
    from liploc_ros import ModelBundle, build_map, open_drive

    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "map"
        build_map(open_drive(bag), ModelBundle.load()).save(path)
        write_pictures(path, bag, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
