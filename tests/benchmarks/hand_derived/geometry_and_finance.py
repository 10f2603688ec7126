"""Cameras and options."""

import math

import numpy as np

from tests.benchmarks.hand_derived.entry import Loss, fixed


def reprojection(cameras, points, which_camera, which_point, seen):
    c = cameras[which_camera]
    p = points[which_point]
    angle = np.sqrt(np.sum(c[:, :3] ** 2, axis=1, keepdims=True))
    axis = c[:, :3] / angle
    x, y, z = p[:, 0], p[:, 1], p[:, 2]
    u, v, w = axis[:, 0], axis[:, 1], axis[:, 2]
    cross = np.stack([v * z - w * y, w * x - u * z, u * y - v * x], axis=1)
    along = np.sum(axis * p, axis=1, keepdims=True)
    turned = np.cos(angle) * p + np.sin(angle) * cross + (1 - np.cos(angle)) * along * axis
    q = turned + c[:, 3:6]
    image = -q[:, :2] / q[:, 2:]
    square = np.sum(image**2, axis=1)
    distortion = 1 + c[:, 7] * square + c[:, 8] * square**2
    predicted = (c[:, 6] * distortion)[:, None] * image
    return 0.5 * np.sum((predicted - seen) ** 2)


def reprojection_by_cross(cameras, points, which_camera, which_point, seen):
    c = cameras[which_camera]
    p = points[which_point]
    angle = np.linalg.norm(c[:, :3], axis=1, keepdims=True)
    axis = c[:, :3] / angle
    along = np.sum(axis * p, axis=1, keepdims=True)
    turned = np.cos(angle) * p + np.sin(angle) * np.cross(axis, p)
    q = turned + (1 - np.cos(angle)) * along * axis + c[:, 3:6]
    image = -q[:, :2] / q[:, 2:]
    square = np.sum(image**2, axis=1)
    distortion = 1 + c[:, 7] * square + c[:, 8] * square**2
    predicted = (c[:, 6] * distortion)[:, None] * image
    return 0.5 * np.sum((predicted - seen) ** 2)


def reprojection_by_hand(cameras, points, which_camera, which_point, seen):
    """B. Triggs et al., "Bundle adjustment: a modern synthesis" (2000), section 3, for the
    camera of S. Agarwal et al., "Bundle adjustment in the large" (2010), section 2.

    Rotation matrices are made per camera, not per observation.  The gradient by a rotation is a
    torque: the sum of (rotated point) x (its gradient) over a camera's observations, brought to
    the rotation vector by the transposed left Jacobian of SO(3); T. Barfoot, "State Estimation
    for Robotics" (2017), section 7.1.
    """
    m, n = len(cameras), len(points)
    rotation = cameras[:, :3]
    angle = np.sqrt(np.einsum("ij,ij->i", rotation, rotation))
    k = rotation / angle[:, None]
    sin, cos = np.sin(angle), np.cos(angle)
    R = k[:, :, None] * ((1 - cos)[:, None] * k)[:, None, :]
    R.reshape(m, 9)[:, ::4] += cos[:, None]
    R.reshape(m, 9)[:, [7, 2, 3]] += sin[:, None] * k
    R.reshape(m, 9)[:, [5, 6, 1]] -= sin[:, None] * k
    R, c = R[which_camera], cameras[which_camera].T
    turned = (R @ points[which_point][:, :, None])[:, :, 0].T
    q = turned + c[3:6]
    image = q[:2] / -q[2]
    square = np.einsum("ij,ij->j", image, image)
    f, k1, k2 = c[6:]
    slope = k2 * square
    distortion = 1 + (k1 + slope) * square
    scale = f * distortion
    r = scale * image
    r -= seen.T
    value = 0.5 * np.vdot(r, r)
    dscale = np.einsum("ij,ij->j", r, image)
    g = np.empty((9, len(seen)))
    g[6] = dscale * distortion
    dscale *= f
    g[7] = dscale * square
    g[8] = g[7] * square
    slope *= 2
    slope += k1
    slope *= 2
    slope *= dscale
    r *= scale
    r += slope * image
    r /= -q[2]
    g[3:5] = r
    g[5] = np.einsum("ij,ij->j", r, image)
    dq = g[3:6]
    g[:3] = np.cross(turned, dq, axis=0)
    dcameras = np.stack([np.bincount(which_camera, row, m) for row in g], axis=1)
    torque = dcameras[:, :3]
    along = np.einsum("ij,ij->i", k, torque)[:, None]
    sinc = (sin / angle)[:, None]
    turn = ((1 - cos) / angle)[:, None]
    dcameras[:, :3] = sinc * torque + (1 - sinc) * along * k - turn * np.cross(k, torque)
    dp = (dq.T[:, None, :] @ R)[:, 0].T
    dpoints = np.stack([np.bincount(which_point, row, n) for row in dp], axis=1)
    return value, (dcameras, dpoints)


COEFFICIENTS = (0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429)


def normal_cdf(x):
    a = np.abs(x)
    k = 1 / (1 + 0.2316419 * a)
    b1, b2, b3, b4, b5 = COEFFICIENTS
    series = b1 * k + b2 * k**2 + b3 * k**3 + b4 * k**4 + b5 * k**5
    tail = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * series
    return np.where(x >= 0, 1 - tail, tail)


def black_scholes(S, K, r, sigma, T):
    root = sigma * np.sqrt(T)
    d1 = (np.log(S / K) + (r + sigma**2 / 2) * T) / root
    d2 = d1 - root
    return np.sum(S * normal_cdf(d1) - K * np.exp(-r * T) * normal_cdf(d2))


def black_scholes_by_hand(S, K, r, sigma, T):
    """F. Black and M. Scholes, "The pricing of options and corporate liabilities" (1973),
    equation (13); the normal distribution by M. Abramowitz and I. Stegun, "Handbook of
    Mathematical Functions", 26.2.17, whose own derivative is taken.
    """
    b1, b2, b3, b4, b5 = COEFFICIENTS
    root = sigma * np.sqrt(T)
    x = np.empty((2, len(S)))
    x[0] = (np.log(S / K) + r * T) / root + 0.5 * root
    x[1] = x[0] - root
    a = np.abs(x)
    k = 1 / (1 + 0.2316419 * a)
    bell = np.exp(-0.5 * x * x)
    bell *= 1 / math.sqrt(2 * math.pi)
    series = k * (b1 + k * (b2 + k * (b3 + k * (b4 + k * b5))))
    slope = b1 + k * (2 * b2 + k * (3 * b3 + k * (4 * b4 + k * (5 * b5))))
    density = bell * (a * series + 0.2316419 * k * k * slope)
    tail = bell * series
    cdf = np.where(x >= 0, 1 - tail, tail)
    discounted = K * np.exp(-r * T)
    value = S @ cdf[0] - discounted @ cdf[1]
    first = S * density[0]
    second = discounted * density[1]
    moved = (first - second) / root
    dS = cdf[0] + moved / S
    dsigma = (second * x[0] - first * x[1]) / sigma
    return value, (dS, dsigma)


def bundle_arguments(rng, n, per_camera=50):
    m, k = 2 + n // per_camera, 3 + n // 4
    cameras = np.concatenate(
        [
            0.3 * rng.standard_normal((m, 3)),
            0.1 * rng.standard_normal((m, 2)),
            -5 + 0.1 * rng.standard_normal((m, 1)),
            rng.uniform(0.9, 1.1, (m, 1)),
            0.01 * rng.standard_normal((m, 2)),
        ],
        axis=1,
    )
    points = rng.standard_normal((k, 3))
    which_camera, which_point = rng.integers(0, m, n), rng.integers(0, k, n)
    return cameras, points, which_camera, which_point, 0.2 * rng.standard_normal((n, 2))


def option_arguments(rng, n):
    S = rng.uniform(80, 120, n)
    K = S * rng.uniform(0.8, 1.2, n)
    return S, K, 0.03, rng.uniform(0.1, 0.5, n), rng.uniform(0.1, 2.0, n)


BUNDLE_STRESS = {"one observation": lambda: bundle_arguments(fixed(), 1)}

GEOMETRY_AND_FINANCE = (
    Loss("bundle adjustment", reprojection, ("cameras", "points"), reprojection_by_hand,
         bundle_arguments, 2000, BUNDLE_STRESS),
    Loss("bundle adjustment, np.cross", reprojection_by_cross, ("cameras", "points"),
         reprojection_by_hand, bundle_arguments, 2000, BUNDLE_STRESS),
    Loss("Black-Scholes", black_scholes, ("S", "sigma"), black_scholes_by_hand,
         option_arguments, 2000, {
             "one option": lambda: option_arguments(fixed(), 1),
             "deep out of and in the money": lambda: (
                 np.array([10.0, 1000.0]), np.array([100.0, 100.0]), 0.03, np.full(2, 0.2),
                 np.full(2, 0.25)),
         }),
)  # fmt: skip
