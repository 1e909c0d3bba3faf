"""A stand-in for the repositories of point trackers: their entry points and tensors, and a search for patches inside.

It follows each point from its own frame on by the best match of its patch nearby; before that it gives zeros, as the
originals do.
"""

import torch

dependencies = ["torch"]

#: What the last calls were given, for the tests to look at.
CALLS = []
HALF, REACH = 5, 6


def _windows(picture, at, size):
    """Patches [M, size, size] of a grey picture [H, W] around whole pixels ``at`` [M, 2]."""
    half = size // 2
    padded = torch.nn.functional.pad(picture[None, None], [half] * 4, mode="replicate")[0, 0]
    steps = torch.arange(size)
    x, y = at[:, 0].clamp(0, picture.shape[1] - 1), at[:, 1].clamp(0, picture.shape[0] - 1)
    return padded[(y[:, None] + steps)[:, :, None], (x[:, None] + steps)[:, None, :]]


def _match(before, now, at):
    """Pixels [M, 2] of the points ``at`` [M, 2] in the next picture, and how well they fit."""
    whole = at.round().long()
    template = _windows(before, whole, 2 * HALF + 1).reshape(len(at), -1)
    area = _windows(now, whole, 2 * (HALF + REACH) + 1)
    options = area.unfold(1, 2 * HALF + 1, 1).unfold(2, 2 * HALF + 1, 1).reshape(len(at), (2 * REACH + 1) ** 2, -1)
    fit = torch.nn.functional.cosine_similarity(
        options - options.mean(-1, keepdim=True), (template - template.mean(-1, keepdim=True))[:, None], dim=-1
    )
    best = fit.argmax(dim=1)
    step = torch.stack([best % (2 * REACH + 1), best // (2 * REACH + 1)], dim=1) - REACH
    return at + step, fit.max(dim=1).values


def _follow(grey, queries):
    """Tracks [T, N, 2] and fits [T, N] of queries [N, 3] through pictures [T, H, W]."""
    frames, times = len(grey), queries[:, 0].long()
    tracks, fits = torch.zeros(frames, len(queries), 2), torch.zeros(frames, len(queries))
    for t in range(frames):
        fresh, old = times == t, times < t
        tracks[t, fresh], fits[t, fresh] = queries[fresh, 1:], 1.0
        if old.any():
            tracks[t, old], fits[t, old] = _match(grey[t - 1], grey[t], tracks[t - 1, old])
    return tracks, fits


class Offline(torch.nn.Module):
    def forward(self, video, queries=None, backward_tracking=False):
        assert video.ndim == 5
        assert video.shape[0] == 1
        assert video.shape[2] == 3
        assert video.dtype == torch.float32
        assert queries.shape[::2] == (1, 3)
        assert video.max() > 1
        CALLS.append(tuple(video.shape))
        tracks, fits = _follow(video[0].mean(dim=1), queries[0])
        return tracks[None], (fits > 0.7)[None]


class Online(torch.nn.Module):
    step = 4

    def forward(self, video_chunk, is_first_step=False, queries=None):
        if is_first_step:
            self.seen, self.queries = 0, queries[0]
            return None, None
        CALLS.append(tuple(video_chunk.shape))
        grey = video_chunk[0].mean(dim=1)
        assert len(grey) == 2 * self.step
        if not self.seen:
            self.tracks, self.fits = torch.zeros(0, len(self.queries), 2), torch.zeros(0, len(self.queries))
            self.last = grey[0]
        for t, picture in enumerate(grey[self.step :] if self.seen else grey, self.seen):
            queries, before = self.queries.clone(), self.queries[:, 0] < t
            if before.any():  # as if they had been asked for in the frame before this one
                queries[before] = torch.cat([torch.full((int(before.sum()), 1), t - 1.0), self.tracks[-1, before]], 1)
            queries[:, 0] -= max(t - 1, 0)
            tracks, fits = _follow(torch.stack([self.last, picture]) if t else picture[None], queries)
            self.tracks, self.fits = torch.cat([self.tracks, tracks[-1:]]), torch.cat([self.fits, fits[-1:]])
            self.last = picture
        self.seen = len(self.tracks)
        return self.tracks[None], (self.fits > 0.7)[None]


class InWorld(torch.nn.Module):
    """Follows the projections of the points in the views whose depth confirms them, lifts, and takes the mean."""

    def forward(self, rgbs, depths, intrs, extrs, query_points_3d):
        _, views, frames, _, height, width = rgbs.shape
        count = query_points_3d.shape[1]
        assert depths.shape == (1, views, frames, 1, height, width)
        assert intrs.shape == (1, views, frames, 3, 3)
        assert extrs.shape == (1, views, frames, 3, 4)
        assert query_points_3d.shape == (1, count, 4)
        assert frames >= 12
        assert rgbs.max() > 1
        assert torch.isfinite(depths).all()
        CALLS.append(tuple(rgbs.shape))
        total, weight = torch.zeros(frames, count, 3), torch.zeros(frames, count)
        times, points = query_points_3d[0, :, 0].long(), query_points_3d[0, :, 1:]
        for view in range(views):
            turn, shift, matrix = extrs[0, view, 0, :, :3], extrs[0, view, 0, :, 3], intrs[0, view, 0]
            local = points @ turn.T + shift
            pixels = (local @ matrix.T)[:, :2] / local[:, 2:]
            tracks, fits = _follow(rgbs[0, view].mean(dim=1), torch.cat([times[:, None], pixels], dim=1))
            x = tracks[..., 0].round().long().clamp(0, width - 1)
            y = tracks[..., 1].round().long().clamp(0, height - 1)
            depth = torch.stack([depths[0, view, t, 0, y[t], x[t]] for t in range(frames)])
            ones = torch.ones(frames, count, 1)
            rays = torch.cat([tracks, ones], dim=-1) @ torch.linalg.inv(matrix).T
            world = (rays * depth[..., None] - shift) @ turn
            right = (depth[times, torch.arange(count)] - local[:, 2]).abs() < 0.03 * local[:, 2]
            sure = ((fits > 0.7) & (depth > 0) & right).float()
            total, weight = total + sure[..., None] * world, weight + sure
        mean = total / weight.clamp(min=1)[..., None]
        return {"traj_e": mean[None], "vis_e": (weight > 0)[None], "vis_e_as_prob": weight.clamp(max=1)[None]}


def cotracker3_offline(pretrained=True):
    return Offline()


def cotracker3_online(pretrained=True):
    return Online()


def mvtracker(pretrained=True, device="cuda"):
    assert device == "cpu"
    return InWorld()
