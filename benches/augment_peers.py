"""What `augment.py` compares with: for each operation, the same one in albumentations, OpenCV, NumPy and Pillow."""

import io

import numpy as np

HINT = "python3 -m venv target/peers && target/peers/bin/pip install numpy opencv-python-headless albumentations pillow"


def imported(name):
    try:
        return __import__(name)
    except ImportError:
        return None


cv2, A, PIL, turbo = imported("cv2"), imported("albumentations"), imported("PIL"), imported("turbojpeg")
if PIL:
    from PIL import Image, ImageEnhance, ImageFilter, ImageOps
if cv2:
    cv2.setNumThreads(1)
TURBO = turbo.TurboJPEG() if turbo else None


def absent():
    known = {"OpenCV": cv2, "albumentations": A, "Pillow": PIL, "PyTurboJPEG": turbo}
    return [name for name, module in known.items() if not module]


def versions():
    modules = {"OpenCV": cv2, "albumentations": A, "Pillow": PIL, "NumPy": np}
    return ", ".join(f"{name} {module.__version__}" for name, module in modules.items() if module)


class Operation:
    """One of our operations, and the same by others: functions of a picture, or None where they do not have it."""

    def __init__(self, title, op, settings, albumentations=None, opencv=None, numpy=None, pillow=None, oracle=None):
        self.title, self.op, self.settings, self.oracle = title, op, settings, oracle
        self.named = {"albumentations": albumentations, "OpenCV": opencv, "NumPy": numpy, "Pillow": pillow}

    def peers(self):
        there = {"albumentations": A, "OpenCV": cv2, "NumPy": np, "Pillow": PIL}
        for name, make in self.named.items():
            if make and there[name]:
                yield name, make()


def albumentation(make):
    """`make` builds a transform that is always applied."""
    def build():
        transform = make()
        return lambda image: transform(image=image)["image"]
    return build


def pillow(work):
    """Pictures of Pillow's own are made before and not timed; what it makes is not turned back into an array."""
    made = {}

    def run(image):
        if id(image) not in made:
            made[id(image)] = Image.fromarray(image)
        return work(made[id(image)])

    return lambda: run


def plain(work):
    return lambda: work


def table(of):
    return np.clip(np.round(of(np.arange(256.0))), 0, 255).astype(np.uint8)


def grey(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def three(plane):
    return cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB)


# Each operation in OpenCV or NumPy


def contrast(image):
    mean = int(cv2.mean(grey(image))[0] + 0.5)
    return cv2.LUT(image, table(lambda level: mean + 1.3 * (level - mean)))


def saturation(image):
    return cv2.addWeighted(image, 1.5, three(grey(image)), -0.5, 0)


def noise(image):
    added = np.empty(image.shape, np.int16)
    cv2.randn(added, (0, 0, 0), (10, 10, 10))
    return cv2.add(image, added, dtype=cv2.CV_8U)


def numpy_noise(image):
    added = np.random.default_rng().standard_normal(image.shape, np.float32) * 10
    return np.clip(image + np.rint(added), 0, 255).astype(np.uint8)


def clahe(image):
    planes = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    planes[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(planes[..., 0])
    return cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB)


def clahe_oracle(image):
    before = grey(image)
    change = cv2.createCLAHE(2.0, (8, 8)).apply(before).astype(int) - before
    return np.clip(image + change[..., None], 0, 255)


FOUR_BITS = np.array([(level >> 4) * 17 for level in range(256)], np.uint8)


def four_bits(image):
    return (image >> 4) * np.uint8(17)


def jpeg(image):
    _, file = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 50])
    return cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1]


def jpeg_of_channels_as_they_are(image):
    """Red and blue are not exchanged: as much work as any order."""
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_COLOR)


def pillow_jpeg(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=50)
    return Image.open(file).convert("RGB")


def sobel(image):
    plane = grey(image)
    across, down = (cv2.Sobel(plane, cv2.CV_32F, dx, 1 - dx, ksize=3) for dx in (1, 0))
    return three(cv2.convertScaleAbs(cv2.magnitude(across, down)))


def canny(image):
    return three(cv2.Canny(grey(image), 100, 200))


GENERATOR = np.random.default_rng(0)


def salt_and_pepper(image):
    """Draws as many places as are changed on average, some of them twice."""
    changed = image.copy()
    places = GENERATOR.integers(0, image.shape[0] * image.shape[1], int(0.04 * image.shape[0] * image.shape[1]))
    pixels = changed.reshape(-1, 3)
    pixels[places[: len(places) // 2]] = 255
    pixels[places[len(places) // 2 :]] = 0
    return changed


def lines(image):
    changed = image.copy()
    down, across = GENERATOR.integers(0, 16, 2)
    changed[down::16] = 0
    changed[:, across::16] = 0
    return changed


def squares(image):
    changed = image.copy()
    down, across = GENERATOR.integers(0, 16, 2)
    for y in range(down - 16, 224, 16):
        for x in range(across - 16, 224, 16):
            changed[max(y, 0) : max(y + 8, 0), max(x, 0) : max(x + 8, 0)] = 0
    return changed


def median(size):
    work = lambda image: cv2.medianBlur(image, size)
    return Operation(
        f"median blur {size} × {size}", "median-blur", {"size": size}, opencv=plain(work), oracle=work if cv2 else None,
        albumentations=albumentation(lambda: A.MedianBlur(blur_limit=(size, size), p=1)) if size <= 31 else None,
        pillow=pillow(lambda image: image.filter(ImageFilter.MedianFilter(size))) if size <= 9 else None,
    )


def brighter(image):
    return cv2.add(image, (51, 51, 51, 0))


def only_with_opencv(oracle):
    return oracle if cv2 else None


OPERATIONS = [
    Operation(
        "brightness + 51", "brightness", {"by": [0.2, 0.2]}, opencv=plain(brighter), oracle=only_with_opencv(brighter),
        numpy=plain(lambda image: np.where(image > 204, 255, image + np.uint8(51))),
        albumentations=albumentation(lambda: A.RandomBrightnessContrast((0.2, 0.2), (0, 0), p=1)),
        pillow=pillow(lambda image: image.point(lambda level: level + 51)),
    ),
    Operation(
        "contrast × 1.3", "contrast", {"by": [0.3, 0.3]}, opencv=plain(contrast), oracle=only_with_opencv(contrast),
        albumentations=albumentation(lambda: A.RandomBrightnessContrast((0, 0), (0.3, 0.3), p=1)),
        pillow=pillow(lambda image: ImageEnhance.Contrast(image).enhance(1.3)),
    ),
    Operation(
        "saturation × 1.5", "saturation", {"by": [0.5, 0.5]}, opencv=plain(saturation),
        oracle=only_with_opencv(saturation),
        albumentations=albumentation(lambda: A.ColorJitter((1, 1), (1, 1), (1.5, 1.5), (0, 0), p=1)),
        pillow=pillow(lambda image: ImageEnhance.Color(image).enhance(1.5)),
    ),
    Operation(
        "horizontal flip", "horizontal-flip", {}, opencv=plain(lambda image: cv2.flip(image, 1)),
        oracle=lambda image: image[:, ::-1], numpy=plain(lambda image: image[:, ::-1].copy()),
        albumentations=albumentation(lambda: A.HorizontalFlip(p=1)),
        pillow=pillow(lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    ),
    Operation(
        "gaussian noise, sd 10", "gaussian-noise", {"sd": 10}, opencv=plain(noise), numpy=plain(numpy_noise),
        albumentations=albumentation(lambda: A.GaussNoise(std_range=(10 / 255, 10 / 255), p=1)),
    ),
    median(3), median(5), median(9), median(31),
    Operation(
        "equalisation (CLAHE 8 × 8, clip 2)", "adaptive-histogram-equalisation", {"tiles": 8, "clip": 2.0},
        opencv=plain(clahe), oracle=only_with_opencv(clahe_oracle),
        albumentations=albumentation(lambda: A.CLAHE((2, 2), (8, 8), p=1)),
    ),
    Operation(
        "4 bits a channel", "bitmap-compression", {"bits": 4}, numpy=plain(four_bits), oracle=four_bits,
        opencv=plain(lambda image: cv2.LUT(image, FOUR_BITS)),
        albumentations=albumentation(lambda: A.Posterize(num_bits=4, p=1)),
        pillow=pillow(lambda image: ImageOps.posterize(image, 4)),
    ),
    Operation(
        "JPEG of quality 50", "bitmap-compression", {"jpeg_quality": 50}, opencv=plain(jpeg_of_channels_as_they_are),
        oracle=only_with_opencv(jpeg), pillow=pillow(pillow_jpeg),
        albumentations=albumentation(lambda: A.ImageCompression(quality_range=(50, 50), p=1)),
    ),
    Operation(
        "palette of 16 colours", "bitmap-compression", {"colours": 16},
        pillow=pillow(lambda image: image.quantize(16, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")),
    ),
    Operation("edges: Sobel", "edges", {}, opencv=plain(sobel), oracle=only_with_opencv(sobel)),
    Operation("edges: Canny", "edges", {"detector": "canny"}, opencv=plain(canny), oracle=only_with_opencv(canny)),
    Operation(
        "salt and pepper, 4 %", "salt-and-pepper", {"share": 0.04}, numpy=plain(salt_and_pepper),
        albumentations=albumentation(lambda: A.SaltAndPepper((0.04, 0.04), (0.5, 0.5), p=1)),
    ),
    Operation("grid of lines", "grid-noise", {"spacing": 16}, numpy=plain(lines)),
    Operation(
        "grid of squares", "grid-noise", {"shape": "squares", "spacing": 16, "thickness": 8}, numpy=plain(squares),
        albumentations=albumentation(lambda: A.GridDropout(0.5, random_offset=True, unit_size_range=(16, 17), p=1)),
    ),
]


# Decoding and resizing


def read(file):
    return cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def triangle(image):
    """Pillow's `BILINEAR` is as wide as the scale, like ours; OpenCV has no such filter but `INTER_AREA`."""
    return np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR))


class Decoding:
    oracle = staticmethod(read)

    @staticmethod
    def peers(files):
        yield "OpenCV (libjpeg-turbo)", (lambda file: cv2.imdecode(file, cv2.IMREAD_COLOR), files)
        if TURBO:
            yield "OpenCV-free libjpeg-turbo", (TURBO.decode, [file.tobytes() for file in files])
        if PIL:
            yield "Pillow", (lambda file: Image.open(io.BytesIO(file)).convert("RGB"), [f.tobytes() for f in files])


class Resizing:
    oracle = staticmethod(triangle)

    @staticmethod
    def peers(images):
        yield "OpenCV (area)", (lambda image: cv2.resize(image, (224, 224), interpolation=cv2.INTER_AREA), images)
        if PIL:
            resize = lambda image: image.resize((224, 224), Image.Resampling.BILINEAR)
            yield "Pillow", (resize, [Image.fromarray(image) for image in images])


DECODING, RESIZING = Decoding(), Resizing()
