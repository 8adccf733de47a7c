"""Makes the pictures beside this script and, as `NAME.png` under `upright/`, what Pillow makes of each.

    python tests/pictures/make.py        # Pillow, NumPy and PyArrow; tests run without them

Reference: oriented by `ImageOps.exif_transpose`, transparent parts laid on white, then `convert("RGB")`. Pillow clips
16-bit grey instead of scaling it, so there the high byte is the reference.
"""

import io
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageOps

HERE = Path(__file__).parent
WIDTH, HEIGHT = 28, 20


def scene():
    """Smooth, with no symmetry, so that a wrong orientation or colour shows."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    red = 255 * x / (WIDTH - 1)
    green = 255 * y / (HEIGHT - 1)
    blue = 128 + 100 * np.sin(x / 5) * np.cos(y / 7)
    return np.stack([red, green, blue], axis=-1).round().astype(np.uint8)


def rgb():
    return Image.fromarray(scene(), "RGB")


def grey():
    return Image.fromarray(scene()[..., 2], "L")


def alpha():
    return np.linspace(0, 255, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).round().astype(np.uint8)


def with_alpha():
    return Image.fromarray(np.dstack([scene(), alpha()]), "RGBA")


def cmyk():
    """(C, M, Y, K) with a black of its own, not one that a conversion computes."""
    key = np.full((HEIGHT, WIDTH), 40, np.uint8)
    return Image.fromarray(np.dstack([255 - scene(), key]), "CMYK")


def ycck():
    """Pillow writes no YCCK: planes are handed to it converted, and Adobe's marker is changed from 0 to 2."""
    inverted = 255 - np.asarray(cmyk())
    ycc = np.asarray(Image.fromarray(inverted[..., :3], "RGB").convert("YCbCr"))
    planes = np.dstack([ycc, inverted[..., 3]])
    data = bytearray(jpeg(Image.fromarray(255 - planes, "CMYK")))
    marker = data.index(b"Adobe")
    assert data[marker + 11] == 0
    data[marker + 11] = 2
    return bytes(data)


def without_adobe(data):
    at = data.index(b"\xff\xee")
    length = struct.unpack(">H", data[at + 2 : at + 4])[0]
    return data[:at] + data[at + 2 + length :]


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **{"quality": 92, "subsampling": 0, **options})
    return out.getvalue()


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def oriented(number, kind="JPEG", **options):
    exif = Image.Exif()
    exif[0x0112] = number
    return saved(rgb(), kind, exif=exif, **options)


def deep_rgb_png():
    """16 bits a channel, written by hand: Pillow has no such mode."""
    import zlib

    deep = scene().astype(np.uint32) * 257
    deep[:, ::2] = np.minimum(deep[:, ::2] + 90, 65535)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def animation():
    frames = [rgb().quantize(32), Image.new("RGB", (WIDTH, HEIGHT), "red").quantize(2)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


def palette_with_hole():
    image = rgb().quantize(16)
    return saved(image, "PNG", transparency=int(np.asarray(image)[3, 3]))


def pictures():
    deep_grey = Image.fromarray((scene()[..., 2].astype(np.uint16) * 257))
    yield "rgb.jpg", jpeg(rgb())
    yield "subsampled.jpg", jpeg(rgb(), subsampling=2)
    yield "progressive.jpg", jpeg(rgb(), progressive=True)
    yield "grey.jpg", jpeg(grey())
    yield "cmyk-adobe.jpg", jpeg(cmyk())
    yield "cmyk-plain.jpg", without_adobe(jpeg(cmyk()))
    yield "ycck.jpg", ycck()
    for number in range(1, 9):
        yield f"oriented-{number}.jpg", oriented(number, quality=92, subsampling=0)
    yield "oriented-6.webp", oriented(6, "WEBP", lossless=True)
    yield "oriented-6.png", oriented(6, "PNG")
    yield "oriented-6.tif", saved(rgb(), "TIFF", tiffinfo={274: 6})
    yield "rgb.png", saved(rgb(), "PNG")
    yield "grey.png", saved(grey(), "PNG")
    yield "one-bit.png", saved(grey().convert("1"), "PNG")
    yield "alpha.png", saved(with_alpha(), "PNG")
    yield "grey-alpha.png", saved(Image.merge("LA", [grey(), Image.fromarray(alpha())]), "PNG")
    yield "palette.png", saved(rgb().quantize(16), "PNG")
    yield "palette-hole.png", palette_with_hole()
    yield "deep-grey.png", saved(deep_grey, "PNG")
    yield "deep-rgb.png", deep_rgb_png()
    yield "lossy.webp", saved(rgb(), "WEBP", quality=90)
    yield "lossless.webp", saved(rgb(), "WEBP", lossless=True)
    yield "alpha.webp", saved(with_alpha(), "WEBP", lossless=True)
    yield "rgb.bmp", saved(rgb(), "BMP")
    yield "palette.bmp", saved(rgb().quantize(16), "BMP")
    yield "rgb.tif", saved(rgb(), "TIFF")
    yield "lzw.tif", saved(rgb(), "TIFF", compression="tiff_lzw")
    yield "deflate.tif", saved(rgb(), "TIFF", compression="tiff_adobe_deflate")
    yield "jpeg.tif", saved(rgb(), "TIFF", compression="jpeg", quality=92)
    yield "grey.tif", saved(grey(), "TIFF")
    yield "palette.tif", saved(rgb().quantize(16), "TIFF")
    yield "palette-lzw.tif", saved(rgb().quantize(16), "TIFF", compression="tiff_lzw")
    yield "cmyk.tif", saved(cmyk(), "TIFF")
    yield "deep-grey.tif", saved(deep_grey, "TIFF")
    yield "animation.gif", animation()


def upright(data):
    image = Image.open(io.BytesIO(data))
    image.seek(0)
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8), "L").convert("RGB")
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


HUB = """{"info": {"features": {"image": {"_type": "Image"},
 "label": {"names": ["finch", "wren"], "_type": "ClassLabel"}}}}"""


def parquet(path, labels, **options):
    """As the Hugging Face hub lays it out: a struct of bytes and path, and names in the schema's metadata."""
    shades = [Image.new("RGB", (6, 5), (40 * i, 200 - 30 * label, 7)) for i, label in enumerate(labels)]
    images = [{"bytes": saved(shade, "PNG"), "path": f"{i}.png"} for i, shade in enumerate(shades)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", kind), ("label", pa.int64())], metadata={"huggingface": HUB})
    table = pa.table([pa.array(images, kind), pa.array(labels, pa.int64())], schema=schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=2, **options)


def main():
    (HERE / "upright").mkdir(exist_ok=True)
    for name, data in pictures():
        (HERE / name).write_bytes(data)
        upright(data).save(HERE / "upright" / f"{name}.png", optimize=True)
    parquet(HERE / "hub/data/train-00000-of-00002.parquet", [0, 1, 1])
    parquet(HERE / "hub/data/train-00001-of-00002.parquet", [1, 0, -1], compression="zstd")
    parquet(HERE / "hub/data/test-00000-of-00001.parquet", [0, 1], compression="none", use_dictionary=False)


main()
