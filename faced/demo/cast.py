"""The cast of the demo library: eight people, each a face shape and colours for the one portrait.

How they were found: 1800 looks were drawn at random within bounds in which people still look like people;
the eight that lay farthest apart by dlib's embedding (mean of chip and mirrored chip) were chosen greedily;
then the nearest ones were changed a little some 4000 times, and each change that drove the cast apart was
kept. tests/test_demo.py holds what came of it: no two are nearer than 0.7. Whoever changes a number here,
in look or in warp moves all distances.
"""

from faced.demo.look import Look

__all__ = ["CAST"]

# fmt: off
CAST = {
    "p1": Look(
        eye_gap=3.82, eye_size=0.86, eye_open=0.82, eye_y=3.41, eye_tilt=-1.35, brow_y=0.48,
        brow_tilt=8.0, nose_length=7.0, nose_width=1.36, mouth_width=1.18, mouth_height=1.12,
        mouth_y=4.0, smile=-1.05, jaw_width=1.01, cheek_width=1.03, chin_width=1.17, chin_y=8.0,
        hair_height=1.06, hair_width=0.94, hairline_y=-6.0, skin=0.85, warmth=0.01, hair=(30, 27, 27),
        brows=0.63, beard=0.76,
    ),
    "p2": Look(
        eye_gap=1.93, eye_size=0.86, eye_open=1.22, eye_y=3.65, eye_tilt=0.99, brow_y=-3.32,
        brow_tilt=-8.0, nose_length=-2.54, nose_width=0.75, mouth_width=0.97, mouth_height=0.78,
        mouth_y=-2.3, smile=-2.97, jaw_width=1.01, cheek_width=0.92, chin_width=1.03, chin_y=-7.0,
        hair_height=0.99, hair_width=0.93, hairline_y=3.69, skin=2.05, warmth=0.04, hair=(48, 36, 30),
        brows=0.9, beard=0.36, clothes=(58, 92, 140),
    ),
    "p3": Look(
        eye_gap=-5.0, eye_size=0.86, eye_open=0.97, eye_y=-0.67, eye_tilt=-6.0, brow_y=-1.1,
        brow_tilt=0.87, nose_length=-6.0, nose_width=0.75, mouth_width=1.04, mouth_height=1.07,
        mouth_y=-1.47, smile=0.56, jaw_width=0.97, cheek_width=0.92, chin_width=1.26, chin_y=3.16,
        hair_height=0.95, hair_width=1.03, hairline_y=-5.85, skin=2.05, warmth=0.04, brows=0.23,
        lips=0.87, clothes=(70, 110, 74),
    ),
    "p4": Look(
        eye_gap=6.47, eye_size=0.86, eye_open=0.83, eye_y=3.55, eye_tilt=-5.76, brow_y=4.0,
        brow_tilt=8.0, nose_length=-6.0, nose_width=1.3, mouth_width=1.18, mouth_height=0.78,
        mouth_y=4.0, smile=-3.0, jaw_width=0.94, cheek_width=1.07, chin_width=0.8, chin_y=7.55,
        hair_height=1.14, hair_width=0.95, hairline_y=-5.1, skin=0.89, warmth=0.01, hair=(70, 48, 36),
        glasses=1.8, round_glasses=True, lips=0.5, clothes=(130, 50, 58),
    ),
    "p5": Look(
        eye_gap=-1.51, eye_size=1.26, eye_open=0.91, eye_y=-0.64, eye_tilt=-6.0, brow_y=-4.11,
        brow_tilt=-6.21, nose_length=6.3, nose_width=0.94, mouth_width=1.16, mouth_height=1.11,
        mouth_y=1.79, smile=-0.69, jaw_width=0.97, cheek_width=1.08, chin_y=-6.04, hair_height=0.85,
        hair_width=1.05, hairline_y=-3.95, skin=1.5, warmth=0.02, hair=(186, 154, 104), lips=0.4,
        clothes=(66, 62, 86),
    ),
    "p6": Look(
        eye_gap=-5.0, eye_size=0.97, eye_open=0.94, eye_y=-4.0, eye_tilt=5.59, brow_y=3.15,
        brow_tilt=-8.0, nose_length=-0.89, nose_width=1.36, mouth_width=0.99, mouth_height=0.78,
        mouth_y=4.0, smile=0.61, jaw_width=0.89, cheek_width=1.05, chin_width=1.28, chin_y=-1.28,
        hair_height=0.85, hair_width=0.92, hairline_y=5.0, skin=2.05, hair=(186, 154, 104), brows=0.08,
        clothes=(150, 146, 138),
    ),
    "p7": Look(
        eye_gap=1.37, eye_size=1.03, eye_open=1.09, eye_y=-2.01, eye_tilt=1.05, brow_y=-4.89,
        brow_tilt=8.0, nose_length=0.57, nose_width=0.76, mouth_width=0.77, mouth_height=0.78,
        mouth_y=-0.95, smile=3.0, jaw_width=0.98, cheek_width=1.08, chin_width=0.81, chin_y=0.39,
        hair_height=0.85, hair_width=1.03, hairline_y=-5.25, skin=1.01, warmth=0.04, brows=0.9,
        lips=0.39, clothes=(40, 112, 116),
    ),
    "p8": Look(
        eye_gap=-1.4, eye_size=0.86, eye_open=0.82, eye_y=-0.5, eye_tilt=6.0, brow_y=0.57,
        brow_tilt=8.0, nose_length=0.46, nose_width=0.75, mouth_width=1.18, mouth_height=0.78,
        mouth_y=0.5, smile=-2.64, jaw_width=1.14, cheek_width=0.94, chin_width=0.8, chin_y=4.98,
        hair_height=0.93, hair_width=0.92, hairline_y=5.0, skin=1.29, warmth=-0.01, hair=(30, 27, 27),
        brows=0.9, glasses=1.8, clothes=(150, 120, 48),
    ),
}
# fmt: on
