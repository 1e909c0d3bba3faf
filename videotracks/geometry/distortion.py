"""How a lens bends rays: the distortion models of OpenCV, there and back, with their derivatives.

A ray is a point (x, y) of the plane at depth 1 before the camera. ``coefficients`` are OpenCV's
(k1, k2, p1, p2[, k3[, k4, k5, k6[, s1, s2, s3, s4[, tx, ty]]]]), or (k1, k2, k3, k4) of its fisheye model.
Source: the documentation of OpenCV's modules calib3d and fisheye.
"""

from typing import NamedTuple

import numpy as np

PINHOLE_LENGTHS = (0, 4, 5, 8, 12, 14)
FISHEYE_LENGTHS = (4,)
#: Newton's method doubles its digits with each step; even the most bent corner of a lens takes fewer than twenty.
_MOST_STEPS = 50
#: In units of the plane at depth 1, beside 1: a hundred-millionth of a pixel for a focal length of 10,000 px.
_CONVERGED = 1e-12
#: A step never leads beyond this share of the way to where the picture folds.
_SHORT_OF_FOLD = 0.999
#: A root with less of an imaginary part, beside its size, is a real one that was rounded.
_REAL = 1e-9
#: Rays closer to the axis are on it: dividing by less than this would lose half of the digits.
_AXIS = 1e-6


class _Lens(NamedTuple):
    """OpenCV's fourteen coefficients by what they do."""

    numerator: np.ndarray  # of the radial fraction: 1, k1, k2, k3, lowest power of r² first
    denominator: np.ndarray  # 1, k4, k5, k6
    tangential: np.ndarray  # p1, p2
    prism: np.ndarray  # (s1, s2), (s3, s4)
    tilt: np.ndarray  # homography f8[3, 3] of a sensor that stands at an angle


class _Bent(NamedTuple):
    bent: np.ndarray  # f8[..., 2]
    radial: np.ndarray  # f8[...] the radial fraction
    slope: np.ndarray  # f8[...] its derivative by r²


def _lens(coefficients: np.ndarray) -> _Lens:
    k = np.zeros(14)
    k[: len(coefficients)] = coefficients
    return _Lens(
        numerator=np.array([1, k[0], k[1], k[4]]),
        denominator=np.array([1, k[5], k[6], k[7]]),
        tangential=k[2:4],
        prism=k[8:12].reshape(2, 2),
        tilt=_tilt(*k[12:]),
    )


def _tilt(about_x: float, about_y: float) -> np.ndarray:
    cx, sx, cy, sy = np.cos(about_x), np.sin(about_x), np.cos(about_y), np.sin(about_y)
    turn = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]]) @ np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    return np.array([[turn[2, 2], 0, -turn[0, 2]], [0, turn[2, 2], -turn[1, 2]], [0, 0, 1]]) @ turn


def distort(rays: np.ndarray, coefficients: np.ndarray, *, fisheye: bool) -> np.ndarray:
    """Where the lens sends rays f8[..., 2], in the same plane f8[..., 2]; NaN beyond ``fold_radius``."""
    if not len(coefficients):
        return rays
    if fisheye:
        bent = rays * _fisheye_ratio(rays, coefficients)[0][..., None]
    else:
        lens = _lens(coefficients)
        bent = _bend_upright(rays, lens).bent
        bent = bent if _stands_upright(lens) else _homography(bent, lens.tilt)
    bent[~(np.hypot(rays[..., 0], rays[..., 1]) < fold_radius(coefficients, fisheye=fisheye))] = np.nan
    return bent


def distortion_jacobian(rays: np.ndarray, coefficients: np.ndarray, *, fisheye: bool) -> np.ndarray:
    """Derivative f8[..., 2, 2] of ``distort`` at rays f8[..., 2]; row: of x, of y, column: by x, by y."""
    if not len(coefficients):
        return np.broadcast_to(np.eye(2), (*rays.shape, 2))
    if fisheye:
        ratio, slope = _fisheye_ratio(rays, coefficients)
        return ratio[..., None, None] * np.eye(2) + slope[..., None, None] * rays[..., :, None] * rays[..., None, :]
    lens = _lens(coefficients)
    upright = _bend_upright(rays, lens)
    jacobian = _jacobian_upright(rays, upright, lens)
    if _stands_upright(lens):
        return jacobian
    scale = upright.bent @ lens.tilt[2, :2] + lens.tilt[2, 2]
    tilted = _homography(upright.bent, lens.tilt)
    of_tilt = (lens.tilt[:2, :2] - tilted[..., :, None] * lens.tilt[2, :2]) / scale[..., None, None]
    return of_tilt @ jacobian


def undistort(bent: np.ndarray, coefficients: np.ndarray, *, fisheye: bool) -> np.ndarray:
    """The rays f8[..., 2] that the lens sent to ``bent`` f8[..., 2]: the inverse of ``distort``.

    Newton's method, until ``distort`` gives ``bent`` again to 1e-12; NaN where no ray short of ``fold_radius`` does.
    """
    if not len(coefficients):
        return bent
    flat = np.reshape(bent, (-1, 2))
    limit = fold_radius(coefficients, fisheye=fisheye)
    rays = _straighten_fisheye(flat, coefficients, limit) if fisheye else _straighten(flat, _lens(coefficients), limit)
    return rays.reshape(bent.shape)


def fold_radius(coefficients: np.ndarray, *, fisheye: bool) -> float:
    """Distance of a ray from the axis up to which the radial distortion keeps growing; infinite where it always does.

    Beyond it the polynomials, fitted to the picture alone, would fold points from outside of the view back into it.
    """
    if not len(coefficients):
        return np.inf
    if fisheye:
        angle = _first_root(np.concatenate([[1], coefficients * (3, 5, 7, 9)])) ** 0.5
        return float(np.tan(angle)) if angle < np.pi / 2 else np.inf
    lens, polynomial = _lens(coefficients), np.polynomial.polynomial
    up, down = lens.numerator, lens.denominator
    slope_up, slope_down = (polynomial.polymul([0, 2], polynomial.polyder(p)) for p in (up, down))
    growth = polynomial.polysub(
        polynomial.polymul(polynomial.polyadd(up, slope_up), down), polynomial.polymul(up, slope_down)
    )
    return min(_first_root(growth), _first_root(down)) ** 0.5


def _first_root(polynomial: np.ndarray) -> float:
    """The smallest real root above 0, infinite where there is none; lowest power first, which is 1.

    Found as the largest inverse root: the polynomial read backward begins with 1, so that no tiny coefficient divides.
    """
    inverse = np.polynomial.polynomial.polyroots(np.trim_zeros(polynomial, "b")[::-1])
    real = inverse.real[(np.abs(inverse.imag) <= _REAL * np.abs(inverse)) & (inverse.real > 0)]
    return 1 / float(real.max()) if len(real) else np.inf


def _stands_upright(lens: _Lens) -> bool:
    return bool((lens.tilt == np.eye(3)).all())


def _homography(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return mapped[..., :2] / mapped[..., 2:]


def _bend_upright(rays: np.ndarray, lens: _Lens) -> _Bent:
    """All of the lens but the tilt."""
    polyval = np.polynomial.polynomial.polyval
    x, y = rays[..., 0], rays[..., 1]
    p1, p2 = lens.tangential
    r2, xy2 = x * x + y * y, 2 * x * y
    up, down = polyval(r2, lens.numerator), polyval(r2, lens.denominator)
    slope_up, slope_down = (polyval(r2, np.arange(1, 4) * p[1:]) for p in (lens.numerator, lens.denominator))
    with np.errstate(divide="ignore", invalid="ignore"):
        radial = up / down
        slope = (slope_up - radial * slope_down) / down
    bent = rays * radial[..., None] + r2[..., None] * (lens.prism[:, 0] + r2[..., None] * lens.prism[:, 1])
    bent[..., 0] += p1 * xy2 + p2 * (r2 + 2 * x * x)
    bent[..., 1] += p1 * (r2 + 2 * y * y) + p2 * xy2
    return _Bent(bent, radial, slope)


def _jacobian_upright(rays: np.ndarray, at: _Bent, lens: _Lens) -> np.ndarray:
    x, y = rays[..., 0], rays[..., 1]
    p1, p2 = lens.tangential
    r2 = x * x + y * y
    across = 2 * p1 * x + 2 * p2 * y + 2 * x * y * at.slope
    by_r2 = lens.prism[:, 0] + 2 * r2[..., None] * lens.prism[:, 1]
    jacobian = 2 * by_r2[..., :, None] * rays[..., None, :]
    jacobian[..., 0, 0] += at.radial + 2 * x * x * at.slope + 2 * p1 * y + 6 * p2 * x
    jacobian[..., 1, 1] += at.radial + 2 * y * y * at.slope + 6 * p1 * y + 2 * p2 * x
    jacobian[..., 0, 1] += across
    jacobian[..., 1, 0] += across
    return jacobian


def _straighten(bent: np.ndarray, lens: _Lens, limit: float) -> np.ndarray:
    upright = bent if _stands_upright(lens) else _homography(bent, np.linalg.inv(lens.tilt))
    made = np.full_like(upright, np.nan)
    at = np.flatnonzero(np.isfinite(upright).all(axis=-1))
    wanted, rays = upright[at], _shortened(upright[at], limit)
    for _ in range(_MOST_STEPS):
        found = _bend_upright(rays, lens)
        off = found.bent - wanted
        settled = np.abs(off).max(axis=-1, initial=0) <= _CONVERGED * (1 + np.abs(wanted).max(axis=-1, initial=0))
        made[at[settled]] = rays[settled]
        if settled.all():
            break
        (a, b), (c, d) = np.moveaxis(_jacobian_upright(rays, found, lens), 0, -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.stack([d * off[:, 0] - b * off[:, 1], a * off[:, 1] - c * off[:, 0]], axis=-1)
            rays = _shortened(rays - step / (a * d - b * c)[:, None], limit)
        at, wanted, rays = at[~settled], wanted[~settled], rays[~settled]
    return made


def _shortened(rays: np.ndarray, limit: float) -> np.ndarray:
    """Rays that lead beyond the fold pulled back to just short of it."""
    if not np.isfinite(limit):
        return rays
    radius = np.hypot(rays[:, 0], rays[:, 1])
    return rays * np.minimum(1, _SHORT_OF_FOLD * limit / np.maximum(radius, np.finfo("f8").tiny))[:, None]


def _fisheye_ratio(rays: np.ndarray, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much longer rays become, f8[...], and the slope of that by the radius, divided by the radius."""
    polyval = np.polynomial.polynomial.polyval
    series = np.concatenate([[1], coefficients])
    radius = np.hypot(rays[..., 0], rays[..., 1])
    angle = np.arctan(radius)
    # At the axis the ratio is 1 and the slope, of the series of angle and radius, 2 (k1 - 1/3).
    away = radius > _AXIS
    ratio = np.divide(angle * polyval(angle**2, series), radius, out=np.ones_like(radius), where=away)
    growth = polyval(angle**2, series * (1, 3, 5, 7, 9)) / (1 + radius**2)
    at_axis = np.full_like(radius, 2 * (coefficients[0] - 1 / 3))
    return ratio, np.divide(growth - ratio, radius**2, out=at_axis, where=away)


def _straighten_fisheye(bent: np.ndarray, coefficients: np.ndarray, limit: float) -> np.ndarray:
    """The angle from the axis by Newton's method in one dimension."""
    polyval = np.polynomial.polynomial.polyval
    series = np.concatenate([[1], coefficients])
    reach, most = np.hypot(bent[:, 0], bent[:, 1]), _SHORT_OF_FOLD * np.arctan(limit)
    angle = np.minimum(reach, most)
    for _ in range(_MOST_STEPS):
        off = angle * polyval(angle**2, series) - reach
        open_still = np.abs(off) > _CONVERGED
        if not open_still.any():
            break
        step = np.divide(off, polyval(angle**2, series * (1, 3, 5, 7, 9)), out=np.zeros_like(off), where=open_still)
        angle = np.clip(angle - step, 0, most)
    ratio = np.divide(np.tan(angle), reach, out=np.ones_like(reach), where=reach > 0)
    ratio[~(np.abs(angle * polyval(angle**2, series) - reach) <= _CONVERGED)] = np.nan
    return bent * ratio[:, None]
