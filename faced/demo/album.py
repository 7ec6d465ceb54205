"""The demo album: every photo, its people, its scene and its seed.

Each row was measured when the cast was chosen: dlib's detector is sure of every face (score above 1, 110 px
or more at 800), and every face is within 0.27 of its own person and beyond 0.69 of all others. A row that
fails after a change gets another seed. Everybody is in at least seven photos.
"""

from faced.demo.shots import Shot

__all__ = ["ALBUM", "COPIES", "QUALITY"]

QUALITY = (72, 80, 86, 92)
"""JPEG qualities in use, taken by seed."""

COPIES = {
    "2022/from phone/IMG-20220514-WA0003.jpg": "2022/IMG_4001.jpg",
    "2019/IMG_2036 (small).jpg": "2019/IMG_2036.jpg",
}
"""Smaller copies, and the photos they are of."""

# fmt: off
ALBUM = (
    Shot("2014/IMG_0007.jpg", "2014-03-08T11:02:41", (1024, 768), ("p1",), "room", 100),
    Shot("2014/IMG_0012.jpg", "2014-05-17T16:40:03", (768, 1024), ("p2",), "garden", 110, orientation=6),
    Shot("2014/IMG_0031.jpg", "2014-07-26T13:15:29", (960, 640), ("p1", "p3"), "beach", 120),
    Shot("2014/IMG_0058.jpg", "2014-08-02T19:51:10", (800, 600), ("p4",), "evening", 130),
    Shot("2014/IMG_0090.jpg", "2014-12-24T18:05:56", (1200, 800), ("p5", "p2", "p6"), "room", 140),
    Shot("2015/DSC_0113.JPG", "2015-01-11T12:30:00", (1080, 720), ("p6",), "hills", 150),
    Shot("2015/DSC_0126.JPG", "2015-02-21T10:11:12", (600, 800), ("p7",), "plaster", 160),
    Shot("2015/DSC_0140.JPG", "2015-04-05T15:44:37", (1024, 768), ("p2", "p4"), "garden", 170),
    Shot("2015/DSC_0201.JPG", "2015-06-20T20:20:20", (720, 960), ("p3",), "bricks", 180, orientation=8),
    Shot("2015/DSC_0244.JPG", "2015-09-13T09:58:01", (800, 600), ("p8",), "beach", 190),
    Shot("2016/Summer/P1010007.jpg", "2016-07-02T10:30:45", (960, 640), ("p5",), "beach", 200),
    Shot("2016/Summer/P1010019.jpg", "2016-07-03T17:22:08", (1024, 768), ("p7", "p8"), "hills", 210),
    Shot("2016/Summer/P1010023.jpg", "2016-07-04T12:00:31", (768, 1024), ("p1",), "garden", 220, orientation=6),
    Shot("2016/Summer/P1010044.jpg", "2016-07-09T21:13:54", (1200, 800), ("p4", "p1", "p7"), "evening", 230),
    Shot("2016/P1010102.jpg", "2016-11-19T14:35:16", (640, 480), ("p2",), "plaster", 240),
    Shot("2017/IMG_1004.jpg", "2017-01-28T13:07:22", (800, 600), ("p3",), "room", 250),
    Shot("2017/IMG_1017.jpg", "2017-03-12T11:49:59", (600, 800), ("p4",), "hills", 260),
    Shot("2017/IMG_1020.jpg", "2017-04-16T16:16:16", (960, 640), ("p3", "p6"), "plaster", 270),
    Shot("2017/IMG_1088.jpg", "2017-08-08T08:08:08", (1080, 720), ("p8",), "bricks", 280, orientation=3),
    Shot("2017/IMG_1131.jpg", "2017-10-31T19:27:43", (720, 960), ("p5",), "evening", 290),
    Shot("2018/IMG_1502.jpg", "2018-02-14T18:34:02", (1024, 768), ("p5", "p7"), "room", 300),
    Shot("2018/IMG_1511.jpg", "2018-04-29T12:55:37", (800, 600), ("p6",), "garden", 310),
    Shot("2018/IMG_1547.jpg", "2018-06-10T15:01:09", (768, 1024), ("p7",), "beach", 320, orientation=6),
    Shot("2018/IMG_1560.jpg", "2018-08-25T17:45:50", (1200, 800), ("p8", "p3", "p2"), "hills", 330),
    Shot("2018/IMG_1598.jpg", "2018-12-01T10:20:30", (960, 640), ("p1",), "bricks", 340),
    Shot("2019/IMG_2031.jpg", "2019-06-14T15:22:08", (1024, 768), ("p2",), "beach", 350),
    Shot("2019/IMG_2036.jpg", "2019-06-14T15:40:51", (1080, 720), ("p8", "p1"), "beach", 360),
    Shot("2019/IMG_2077.jpg", "2019-08-18T11:33:14", (600, 800), ("p3",), "garden", 370),
    Shot("2019/IMG_2102.jpg", "2019-10-05T13:26:47", (800, 600), ("p4",), "bricks", 380),
    Shot("2019/IMG_2140.jpg", "2019-12-26T16:09:35", (640, 480), ("p5",), "room", 390),
    Shot("2020/PXL_20200301_101500.jpg", "2020-03-01T10:15:00", (800, 1200), ("p6",), "plaster", 400, orientation=8),
    Shot("2020/PXL_20200517_143012.jpg", "2020-05-17T14:30:12", (960, 640), ("p7",), "hills", 410),
    Shot("2020/portrait.png", "2020-07-19T12:12:12", (640, 480), ("p8",), "garden", 420),
    Shot("2020/PXL_20200905_180744.jpg", "2020-09-05T18:07:44", (1024, 768), ("p6", "p5"), "garden", 430),
    Shot("2021/Zoë’s birthday/Foto 1.jpg", "2021-02-20T15:05:00", (1200, 800), ("p6", "p8", "p4"), "bricks", 440),
    Shot("2021/Zoë’s birthday/Foto 2.jpg", "2021-02-20T15:18:40", (800, 600), ("p1",), "plaster", 450),
    Shot("2021/Zoë’s birthday/Foto 3.jpg", "2021-02-20T16:02:11", (1024, 768), ("p4", "p2"), "room", 460),
    Shot("2021/IMG_3310.jpg", "2021-07-11T09:41:00", (720, 960), ("p2",), "hills", 470, orientation=6),
    Shot("2021/IMG_3355.webp", "2021-09-26T17:17:17", (800, 600), ("p3",), "evening", 480),
    Shot("2022/IMG_4001.jpg", "2022-05-14T13:50:23", (960, 640), ("p4",), "plaster", 490),
    Shot("2022/IMG_4019.jpg", "2022-06-05T11:11:40", (1024, 768), ("p5",), "hills", 500, orientation=3),
    Shot("2022/IMG_4042.jpg", "2022-08-13T19:32:05", (768, 1024), ("p6",), "beach", 510),
    Shot("2022/IMG_4077.jpg", "2022-10-22T14:14:14", (1080, 720), ("p7",), "bricks", 520),
    Shot("2022/IMG_4090.jpg", "2022-12-25T17:00:09", (800, 600), ("p8",), "evening", 530),
)
# fmt: on
