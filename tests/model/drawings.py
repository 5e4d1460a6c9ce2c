"""Pictures that tests draw: things on plain ground, and an empty road."""

import cv2
import numpy as np

HEIGHT, WIDTH = 270, 480
BOX, CLOCK, BEAR = (40, 90, 125, 180), (191, 89, 279, 190), (346, 95, 425, 201)  # x0, y0, x1, y1 of what is drawn


def things():
    """A box, a clock and a teddy bear."""
    image = ground()
    draw_box(image, 40, 90, 85)
    draw_clock(image, 235, 140, 44)
    draw_bear(image, 385, 135, 62)
    return photographed(image)


def road():
    """Asphalt with two dashed lines, seen from above."""
    rng = np.random.default_rng(5)
    image = ground() * np.float32(0.62)
    image += cv2.GaussianBlur(rng.normal(0, 60, (HEIGHT, WIDTH)), (0, 0), 2.5)[..., None]
    for x in (120, 330):
        for y in range(-20, HEIGHT, 70):
            dash = np.array([(x, y), (x + 5, y), (x + 7, y + 34), (x + 2, y + 34)], np.int32)
            cv2.fillPoly(image, [dash], (190, 190, 186), cv2.LINE_AA)
    return photographed(image)


def ground():
    """Grey with a little light and grain."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 150 + 30 * (1 - y / HEIGHT) - 15 * np.hypot(x / WIDTH - 0.5, y / HEIGHT - 0.5)
    grain = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 6, (HEIGHT, WIDTH)), (0, 0), 1.2)
    return (light[..., None] * np.array([1, 0.98, 0.94]) + grain[..., None]).astype(np.float32)


def photographed(image):
    noise = np.random.default_rng(3).normal(0, 3, image.shape[:2])[..., None]
    return (cv2.GaussianBlur(image, (0, 0), 0.7) + noise).clip(0, 255).astype(np.uint8)


def ball(image, x, y, rx, ry, colour):
    """An ellipsoid that is lit from the upper left."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    u, v = (columns - x) / rx, (rows - y) / ry
    light = 0.55 + 0.55 * (1 - ((u + 0.35) ** 2 + (v + 0.45) ** 2) / 1.6).clip(0, 1)
    inside = ((1 - np.hypot(u, v)) * min(rx, ry) / 1.2 + 0.5).clip(0, 1)[..., None]
    image[:] = image * (1 - inside) + inside * light[..., None] * np.float32(colour)


def shadow(image, x, y, rx, ry):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    image *= (1 - 0.45 * np.exp(-1.2 * (((columns - x) / rx) ** 2 + ((rows - y) / ry) ** 2)))[..., None]


def draw_box(image, x, y, size):
    shadow(image, x + 0.6 * size, y + 1.02 * size, 0.75 * size, 0.18 * size)
    top, left, right = (
        ((0, 0.2), (0.65, 0), (1, 0.2), (0.4, 0.42)),
        ((0, 0.2), (0.4, 0.42), (0.4, 1.05), (0, 0.78)),
        ((0.4, 0.42), (1, 0.2), (1, 0.82), (0.4, 1.05)),
    )
    for corners, colour in ((top, (214, 176, 124)), (left, (140, 100, 60)), (right, (180, 136, 88))):
        points = np.array([(16 * (x + a * size), 16 * (y + b * size)) for a, b in corners], np.int32)
        cv2.fillPoly(image, [points], colour, cv2.LINE_AA, 4)


def draw_clock(image, x, y, r):
    case, bells, face, hands = (60, 110, 180), (190, 150, 70), (200, 214, 225), (50, 44, 40)
    shadow(image, x, y + 1.08 * r, 0.9 * r, 0.2 * r)
    for side in (-0.55 * r, 0.55 * r):
        ball(image, x + side, y - 0.92 * r, 0.3 * r, 0.24 * r, bells)
        ball(image, x + side, y + 0.98 * r, 0.14 * r, 0.16 * r, case)
    ball(image, x, y, r, r, case)
    ball(image, x, y, 0.6 * r, 0.6 * r, face)
    for across, down in ((0, -0.42), (0.3, 0.15)):
        cv2.line(image, (x, y), (int(x + across * r), int(y + down * r)), hands, 2, cv2.LINE_AA)


def draw_bear(image, x, y, size):
    fur, pale = (168, 112, 62), (206, 164, 116)
    shadow(image, x, y + 0.98 * size, 0.7 * size, 0.15 * size)
    legs_and_arms = [
        (s * a, b, c, d) for a, b, c, d in ((0.38, 0.8, 0.2, 0.22), (0.46, 0.32, 0.16, 0.26)) for s in (-1, 1)
    ]
    ears = [(-0.28, -0.5, 0.15, 0.15), (0.28, -0.5, 0.15, 0.15)]
    for dx, dy, rx, ry in (*legs_and_arms, (0, 0.5, 0.42, 0.48), *ears, (0, -0.22, 0.4, 0.36)):
        ball(image, x + dx * size, y + dy * size, rx * size, ry * size, fur)
    ball(image, x, y + 0.55 * size, 0.26 * size, 0.3 * size, pale)
    ball(image, x, y - 0.12 * size, 0.18 * size, 0.14 * size, pale)
    for dx, dy in ((-0.15, -0.28), (0.15, -0.28), (0, -0.16)):
        cv2.circle(image, (int(x + dx * size), int(y + dy * size)), 3, (24, 16, 12), -1, cv2.LINE_AA)
