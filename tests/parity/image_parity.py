# SPDX-License-Identifier: Apache-2.0
"""Pixels of formats/images against Pillow: decoding, resizing, and what evaluation sees."""
import base64
import io
import json
import math
import os
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
from PIL import Image

INSPECT = Path(os.environ["ATTUNE_BIN_DIR"]) / "attune-inspect"
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
JPEG_TOLERANCE = 1  # levels of 255, where Pillow's libjpeg is another version


def ours(lines):
    """Arrays [height, width, 3] of requests, by attune-inspect; None where it refuses."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([INSPECT, "pixels"], input=text, capture_output=True, text=True,
                          check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [None if "error" in a else
            np.frombuffer(base64.b64decode(a["rgb"]), np.uint8).reshape(a["height"], a["width"], 3)
            for a in answers]


def fit(image, size, crop_share, resample):
    """timm's evaluation transform, in Pillow's own calls: resize the shorter side, crop."""
    scale = math.floor(size / crop_share)
    width, height = image.size
    if width <= height:
        image = image.resize((scale, int(scale * height / width)), resample)
    else:
        image = image.resize((int(scale * width / height), scale), resample)
    left = int(round((image.width - size) / 2.0))
    top = int(round((image.height - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


class ImageParity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.rng = np.random.default_rng(3)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def picture(self, width, height, channels=3):
        """Waves with noise: smooth parts, edges and detail."""
        y, x = np.mgrid[:height, :width]
        waves = np.stack([np.sin(x / (3 + 4 * c)) + np.cos(y / (5 + c)) for c in range(channels)], 2)
        noisy = 128 + 50 * waves + self.rng.normal(0, 12, waves.shape)
        return np.clip(noisy, 0, 255).astype(np.uint8)

    def save(self, image, name, **options):
        path = Path(self.folder.name) / name
        image.save(path, **options)
        return str(path)

    def assert_equal_pixels(self, lines, expected):
        for line, mine, theirs in zip(lines, ours(lines), expected, strict=True):
            self.assertIsNotNone(mine, line)
            np.testing.assert_array_equal(mine, theirs, str(line))

    def test_png_of_every_mode(self):
        rgb = self.picture(61, 43)
        grey, four = rgb[..., 0], self.picture(61, 43, 4)
        images = {"rgb": Image.fromarray(rgb), "grey": Image.fromarray(grey),
                  "bits": Image.fromarray(grey).convert("1"),
                  "palette": Image.fromarray(rgb).quantize(200),
                  "small palette": Image.fromarray(rgb).quantize(5),
                  "rgba": Image.fromarray(four),
                  "grey alpha": Image.merge("LA", [Image.fromarray(grey)] * 2)}
        paths = [self.save(image, name + ".png") for name, image in images.items()]
        paths.append(self.save(images["palette"], "transparent.png", transparency=3))
        self.assert_equal_pixels([{"file": path} for path in paths],
                                 [np.array(Image.open(path).convert("RGB")) for path in paths])

    def test_jpeg_of_every_kind(self):
        paths = []
        for width, height in ((64, 48), (61, 43), (17, 200), (1, 1)):
            image = Image.fromarray(self.picture(width, height))
            for subsampling in (0, 1, 2):
                for progressive in (False, True):
                    name = f"{width}-{subsampling}-{progressive}.jpg"
                    paths.append(self.save(image, name, quality=85, subsampling=subsampling,
                                           progressive=progressive))
            paths.append(self.save(image.convert("L"), f"{width}-grey.jpg"))
        mine = ours([{"file": path} for path in paths])
        worst, equal = 0, 0
        for path, pixels in zip(paths, mine, strict=True):
            theirs = np.array(Image.open(path).convert("RGB"))
            difference = np.abs(pixels.astype(int) - theirs).max()
            worst, equal = max(worst, difference), equal + (difference == 0)
        print(f"jpeg: {equal} of {len(paths)} equal, worst difference {worst}")
        self.assertLessEqual(worst, JPEG_TOLERANCE)

    def test_cmyk_and_other_formats_are_refused(self):
        image = Image.fromarray(self.picture(16, 16))
        paths = [self.save(image.convert("CMYK"), "cmyk.jpg"), self.save(image, "an.gif"),
                 self.save(image, "a.bmp"), self.save(image, "a.webp"),
                 self.save(image, "animated.png", save_all=True, append_images=[image.rotate(90)])]
        self.assertEqual(ours([{"file": path} for path in paths]), [None] * len(paths))

    def test_resize_to_many_sizes_from_many_boxes(self):
        rng = random.Random(5)
        lines, expected = [], []
        for width, height in ((28, 28), (200, 31), (97, 240), (1, 9), (640, 480)):
            image = Image.fromarray(self.picture(width, height))
            path = self.save(image, f"{width}x{height}.png")
            for i in range(60):
                box = (0, 0, width, height)
                if i % 2:
                    left, right = sorted((rng.uniform(0, width), rng.uniform(0, width)))
                    top, bottom = sorted((rng.uniform(0, height), rng.uniform(0, height)))
                    box = (left, top, min(right + 0.5, width), min(bottom + 0.5, height))
                out = (rng.choice([width, rng.randint(1, 400)]),
                       rng.choice([height, rng.randint(1, 400)]))
                name = rng.choice(list(FILTERS))
                lines.append({"file": path, "width": out[0], "height": out[1], "filter": name,
                              "box": box})
                expected.append(np.array(image.resize(out, FILTERS[name], box)))
        self.assert_equal_pixels(lines, expected)

    def test_what_evaluation_sees(self):
        lines, expected = [], []
        for width, height in ((28, 28), (333, 500), (500, 333), (224, 224), (1000, 229), (51, 50),
                              (333, 1200), (90, 700)):
            image = Image.fromarray(self.picture(width, height))
            path = self.save(image, f"fit{width}x{height}.png")
            for size in (224, 225, 260, 64):
                for crop_share in (1.0, 0.875, 0.9, 0.89):
                    for name, resample in FILTERS.items():
                        lines.append({"file": path, "size": size, "crop_share": crop_share,
                                      "filter": name})
                        expected.append(np.array(fit(image, size, crop_share, resample)))
        self.assert_equal_pixels(lines, expected)

    def test_truncated_files_are_refused(self):
        buffer = io.BytesIO()
        Image.fromarray(self.picture(40, 40)).save(buffer, "JPEG", progressive=True)
        paths = []
        for share in range(1, 10):
            path = Path(self.folder.name) / f"cut{share}.jpg"
            path.write_bytes(buffer.getvalue()[:len(buffer.getvalue()) * share // 10])
            paths.append(str(path))
        self.assertEqual(ours([{"file": path} for path in paths]), [None] * len(paths))


if __name__ == "__main__":
    unittest.main()
