"""What the flow tracker takes for the same point, and how long it waits for one."""

from pydantic import BaseModel, Field


class FlowTrackerSettings(BaseModel, frozen=True, extra="forbid"):
    """Settings of ``FlowPointTracker``; lengths in pixels are those of the frames that are tracked."""

    window_px: int = Field(default=13, ge=5, le=51, description="side of the window that is followed (Lucas–Kanade)")
    pyramid_levels: int = Field(default=2, ge=0, le=6, description="times that a frame is halved for large motions")
    iterations: int = Field(default=8, ge=1, le=50, description="steps of Lucas–Kanade per level")
    forward_backward_px: float = Field(
        default=1.0, gt=0, description="furthest that a point may return from its origin when followed back"
    )
    least_correlation: float = Field(
        default=0.6, ge=0, lt=1, description="of a patch with the one of the query, or of the last good frame"
    )
    search_correlation: float = Field(
        default=0.75, ge=0, lt=1, description="of a patch with the one of a point that was lost, to be that point again"
    )
    entry_correlation: float = Field(
        default=0.8, ge=0, lt=1, description="of a patch with that in another view, for a point to enter without depth"
    )
    reprojection_px: float = Field(default=3.0, gt=0, description="furthest that views may disagree on a point")
    leap_m: float = Field(
        default=0.1, gt=0, description="furthest that a point may be from where it is expected after one frame"
    )
    depth_relative: float = Field(default=0.005, ge=0, description="furthest that depths may disagree, of the depth")
    depth_m: float = Field(default=0.02, ge=0, description="furthest that depths may disagree, beside that share")
    depth_noise_relative: float = Field(
        default=0.005, gt=0, description="standard deviation of depth, of the depth: what it counts beside the pixels"
    )
    neighbours: int = Field(default=12, ge=3, le=64, description="points that a lost one is taken to move with")
    neighbour_m: float = Field(default=0.3, gt=0, description="furthest that such a neighbour may be")
    carried_frames: int = Field(
        default=60, ge=0, description="frames for which a lost point moves on with its neighbours, and is looked for"
    )
    coasting_frames: int = Field(
        default=10, ge=0, description="frames for which a lost point without neighbours moves on at its last velocity"
    )
    search_px: int = Field(default=8, ge=1, le=32, description="furthest from its prediction that one is looked for")
